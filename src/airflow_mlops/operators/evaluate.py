"""The evaluate stage: the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mlops.core.errors import GateRejected
from airflow_mlops.operators.base import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class EvaluateOperator(StageOperator):
    """Holds a model against its limits and the champion; see StageOperator for the parameters.

    A model that does not pass fails the task at once: the record stays readable in XCom, and a retry
    would give the same answer.
    """

    stage: ClassVar[str] = "evaluate"

    def accept(self, record: dict[str, Any], context: Context) -> dict[str, Any]:
        """Return the evaluation; raises GateRejected with every reason when it did not pass."""
        for name, value in record["metrics"].items():
            self.log.info("%s %.4f", name, value)
        if not record["passed"]:
            context["ti"].xcom_push(key="evaluation", value=record)
            raise GateRejected("the gate said no: " + "; ".join(record["reasons"]))
        return record
