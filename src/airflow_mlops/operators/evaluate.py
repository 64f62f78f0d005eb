"""The evaluate task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mlops.operators.base import StageOperator
from airflow_mlops.operators.links import CardLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_mlops.lifecycle.runner import StageResult


class EvaluateOperator(StageOperator):
    """Judges a model by its limits and against the champion; see StageOperator for the other parameters.

    A model that misses a limit fails the task at once, since a retry would give the same answer; the XCom
    ``evaluation`` holds the record.

    :param features: the record of the features task, usually its ``output``.
    :param model: the record of the train task, usually its ``output``.
    """

    stage = "evaluate"
    operator_extra_links = (*StageOperator.operator_extra_links, CardLink())
    takes: ClassVar[tuple[str, ...]] = ("features", "model")
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, features: Any, model: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features
        self.model = model
        self.card_url: str | None = None

    def after(self, context: Context, result: StageResult) -> None:
        """Keep where the card of the training is, for the link on the task."""
        ui_url = self.mlflow_ui_url(context) if result.record.get("card") else None
        self.card_url = f"{ui_url}/#/{result.record['card']}" if ui_url else None
        super().after(context, result)
