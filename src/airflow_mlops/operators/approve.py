"""The human approval of a deploy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from airflow.sdk import Context

ANSWER = "mlops_answer"

_VERSION = "{{ ti.xcom_pull(task_ids='prepare').model_version }}"
_BODY = """\
{% set request = ti.xcom_pull(task_ids="prepare") %}
| | |
|---|---|
| model | `{{ request.name }}` |
| version asked for | **{{ request.model_version }}** |
| champion now | {{ request.champion_version or "none: this is the first" }} |
{% for name, value in request.metrics.items() -%}
| {{ name }} | {{ "%.4f" | format(value) }} |
{% endfor %}
{% for c in request.comparisons -%}
- **{{ c.metric }}** {{ "%+.4f" | format(c.difference) }} against the champion on the same rows \
(95 % interval {{ "%+.4f" | format(c.low) }} to {{ "%+.4f" | format(c.high) }}, limit {{ c.limit }})
{% endfor %}
"""


class ApproveOperator(ApprovalOperator):  # type: ignore[misc]  # the provider has no types
    """Airflow's own approval, with the evidence in the request; a roll back by hand waits for nobody.

    The answer stays readable after a refusal too: XCom ``mlops_answer`` holds who said what and when.

    Its task follows one named ``prepare``, whose record it shows.

    :param pipeline: the configuration of the pipeline; its ``approve`` section says who may answer, by when,
        and what silence means.
    """

    def __init__(self, *, pipeline: Pipeline, **kwargs: Any) -> None:
        approve = pipeline.approve
        if approve is None:
            raise ConfigError(f"pipeline {pipeline.name} has no `approve` section")
        silence = self.APPROVE if approve.on_timeout == "approve" else self.REJECT
        super().__init__(
            subject=f"Deploy version {_VERSION} of {pipeline.name}?",
            body=_BODY,
            defaults=silence,
            response_timeout=approve.within,
            assigned_users=[{"id": user, "name": user} for user in approve.by],
            **kwargs,
        )

    def execute(self, context: Context) -> None:
        """Ask, and wait without a worker; raises AirflowSkipException for a roll back."""
        request = context["ti"].xcom_pull(task_ids="prepare")
        if request["action"] == "rollback":
            raise AirflowSkipException("a roll back waits for nobody")
        super().execute(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Keep the answer, then do as it says."""
        user = event.get("responded_by_user") or {}
        answer = {
            "chosen": (event.get("chosen_options") or ["none"])[0],
            "by": user.get("name") or user.get("id") or "nobody (timed out)",
            "at": str(event.get("responded_at") or ""),
        }
        context["ti"].xcom_push(key=ANSWER, value=answer)
        return super().execute_complete(context, dict(event))
