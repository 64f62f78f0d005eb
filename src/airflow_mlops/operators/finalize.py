"""The last word on a deploy: who approved, how it ended, and an honest state of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from airflow_mlops.core.records import DeployRequest, RolloutResult
from airflow_mlops.hooks.errors import translated
from airflow_mlops.operators.approve import ANSWER
from airflow_mlops.operators.deploy import DeployOperator, registry_of
from airflow_mlops.operators.resource_usage import measured

if TYPE_CHECKING:
    from airflow.sdk import Context


class FinalizeOperator(DeployOperator):
    """Writes the outcome of a deploy on the version, and ends the run in a state that says it.

    Promoted: success, and the asset event ``<pipeline>/champion``. Rolled back or in conflict:
    failed, with the reason. Refused by a person or superseded by a newer version: skipped.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the RolloutResult of a promoted version as JSON."""
        if not self.request:
            raise self._nothing(context)
        with measured(context), translated():
            request = DeployRequest.from_json(self.request)
            answer = context["ti"].xcom_pull(task_ids="approve", key=ANSWER)
            tags = _approval_tags(answer)
            registry = registry_of(self.pipeline)
            if tags:
                registry.tag(request.model_version, tags)
            refused = tags.get("mlops.approval") == "Reject"
            if refused and registry.get("challenger") == request.model_version:
                registry.delete("challenger")
        if refused:
            raise AirflowSkipException(
                f"version {request.model_version} was refused by {tags['mlops.approval.by']}"
            )
        found = context["ti"].xcom_pull(task_ids="rollout")
        if not found:
            raise AirflowFailException(
                f"the rollout of version {request.model_version} did not end: see task rollout"
            )
        return self._outcome(RolloutResult.from_json(found), context)

    def _nothing(self, context: Context) -> AirflowException:
        """Return how a run without a request ends: it was meant so, or task prepare failed."""
        instance = context["ti"]
        states = instance.get_task_states(
            dag_id=instance.dag_id, task_ids=["prepare"], run_ids=[instance.run_id]
        )
        meant = states.get(instance.run_id, {}).get("prepare") == "skipped"
        kind = AirflowSkipException if meant else AirflowFailException
        return kind("nothing was deployed: see task prepare")

    def _outcome(self, result: RolloutResult, context: Context) -> dict[str, Any]:
        if result.outcome == "SUPERSEDED":
            raise AirflowSkipException(f"version {result.model_version}: {result.reason}")
        if result.outcome != "PROMOTED":
            raise AirflowFailException(f"version {result.model_version} {result.outcome}: {result.reason}")
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {
                "version": result.model_version,
                "previous": result.champion_version,
                "rollout_id": result.rollout_id,
            }
        return result.to_json()


def _approval_tags(answer: Mapping[str, Any] | None) -> dict[str, str]:
    """Return who answered the approval, what and when, as tags of the version."""
    if not answer:
        return {}
    return {
        "mlops.approval": str(answer["chosen"]),
        "mlops.approval.by": str(answer["by"]),
        "mlops.approval.at": str(answer["at"]),
    }
