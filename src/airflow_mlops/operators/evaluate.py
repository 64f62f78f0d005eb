"""The evaluate stage: the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mlops.core.errors import GateRejected
from airflow_mlops.operators.base import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class EvaluateOperator(StageOperator):
    """Holds a model against its limits and the champion; see StageOperator for the other parameters.

    A model that does not pass fails the task at once: the record stays readable in XCom, and a retry
    would give the same answer.

    :param features: the record of the features task, usually its ``output``.
    :param model: the record of the train task, usually its ``output``.
    """

    stage: ClassVar[str] = "evaluate"
    takes: ClassVar[tuple[str, ...]] = ("features", "model")
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, features: Any, model: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features
        self.model = model

    def accept(self, record: dict[str, Any], context: Context) -> dict[str, Any]:
        """Return the evaluation; raises GateRejected with every reason when it did not pass."""
        for name, value in record["metrics"].items():
            self.log.info("%s %.4f", name, value)
        if not record["passed"]:
            context["ti"].xcom_push(key="evaluation", value=record)
            raise GateRejected("the gate said no: " + "; ".join(record["reasons"]))
        return record
