"""The train task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class TrainOperator(StageOperator):
    """Fits the final model and logs it to MLflow; see StageOperator for the other parameters.

    :param features: the record of the features task, usually its ``output``.
    :param tune: the records of the tuning workers; none trains with ``train.params`` as they are.
    """

    stage = "train"
    takes: ClassVar[tuple[str, ...]] = ("features", "tune")
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, features: Any, tune: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features
        self.tune = tune
