"""The performance task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class PerformanceOperator(StageOperator):
    """Measures the champion on the labels of a window; see StageOperator for the other parameters.

    :param window: the record of the observe task, usually its ``output``.
    """

    stage = "performance"
    takes: ClassVar[tuple[str, ...]] = ("window",)
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, window: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = window
