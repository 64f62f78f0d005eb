"""The triage task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class TriageOperator(StageOperator):
    """Decides what a window's findings ask for; see StageOperator for the other parameters.

    :param window: the record of the observe task, usually its ``output``.
    :param drift: the record of the drift task, if there is one.
    :param performance: the record of the performance task, if there is one.
    """

    stage = "triage"
    takes: ClassVar[tuple[str, ...]] = ("window", "drift", "performance")
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, window: Any, drift: Any = None, performance: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = window
        self.drift = drift
        self.performance = performance
