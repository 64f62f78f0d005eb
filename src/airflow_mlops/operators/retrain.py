"""The retrain task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class RetrainOperator(StageOperator):
    """Emits the asset event ``<pipeline>/retrain`` with its cause, or is skipped.

    :param triage: the record of the triage task, usually its ``output``.
    """

    stage = "retrain"
    takes: ClassVar[tuple[str, ...]] = ("triage",)
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, triage: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.triage = triage
