"""The drift task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class DriftOperator(StageOperator):
    """Compares a window with the reference profile of the champion.

    See StageOperator for the other parameters.

    :param window: the record of the observe task, usually its ``output``.
    """

    stage = "drift"
    takes: ClassVar[tuple[str, ...]] = ("window",)
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, window: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = window
