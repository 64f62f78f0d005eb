"""The register task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class RegisterOperator(StageOperator):
    """Registers a model that passed its gate; see StageOperator for the other parameters.

    Its asset event (``<pipeline>/challenger``) carries the version that the deploy DAG is then about.

    :param evaluation: the record of the evaluate task, usually its ``output``.
    :param decision: the record of the decide task, if there is one.
    :param refit: the record of the refit task; none registers the judged model.
    :param features: the record of the features task: with it, and with the sections ``data`` and ``evaluate``
        of the pipeline, a model whose champion was replaced since evaluate is judged against the new one;
        without it such a model is refused.
    """

    stage = "register"
    takes: ClassVar[tuple[str, ...]] = ("evaluation", "decision", "refit", "features")
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(
        self,
        *,
        evaluation: Any,
        decision: Any = None,
        refit: Any = None,
        features: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.evaluation = evaluation
        self.decision = decision
        self.refit = refit
        self.features = features
