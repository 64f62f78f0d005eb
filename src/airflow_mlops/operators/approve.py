"""A person's yes or no to a deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

ANSWER = "answer"


class ApproveOperator(ApprovalOperator):
    """Airflow's approval, whose answer stays readable after a no; see ApprovalOperator for the parameters.

    Airflow ends a task that skips others before its return value is kept: a rejection would leave no
    trace of who said it.
    """

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Keep the answer under the XCom key ``answer``, then go on as Airflow does."""
        if "error" not in event:
            answer = {
                "chosen_options": list(event["chosen_options"]),
                "responded_at": event["responded_at"].isoformat(),
                "responded_by_user": event["responded_by_user"],
            }
            context["ti"].xcom_push(key=ANSWER, value=answer)
        return super().execute_complete(context, event)
