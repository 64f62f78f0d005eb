"""The refit task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class RefitOperator(StageOperator):
    """Fits a model that passed its gate once more, on all rows; see StageOperator for the other parameters.

    Give its ``output`` to ``RegisterOperator(refit=…)``. A DAG without this task registers the judged model.

    :param features: the record of the features task, usually its ``output``.
    :param evaluation: the record of the evaluate task, usually its ``output``.
    :param decision: the record of the decide task, if there is one.
    """

    stage = "refit"
    takes: ClassVar[tuple[str, ...]] = ("features", "evaluation", "decision")
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, features: Any, evaluation: Any, decision: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features
        self.evaluation = evaluation
        self.decision = decision
