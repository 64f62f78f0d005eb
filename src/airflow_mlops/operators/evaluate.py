"""The evaluate task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class EvaluateOperator(StageOperator):
    """Judges a model by its limits and against the champion; see StageOperator for the other parameters.

    A model that misses a limit fails the task at once, since a retry would give the same answer; the XCom
    ``evaluation`` holds the record.

    :param features: the record of the features task, usually its ``output``.
    :param model: the record of the train task, usually its ``output``.
    """

    stage = "evaluate"
    takes: ClassVar[tuple[str, ...]] = ("features", "model")
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, features: Any, model: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features
        self.model = model
