"""The canary of a version, waited for without a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.core.records import DeployRequest
from airflow_mlops.hooks.errors import translated
from airflow_mlops.operators.base import rollouts_file
from airflow_mlops.operators.cost import measured
from airflow_mlops.operators.serving import (
    DeployOperator,
    deploy_of,
    registry_of,
    rollout_driver,
    rollout_plan,
)
from airflow_mlops.triggers.rollout import RolloutTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class RolloutOperator(DeployOperator):
    """Carries a version through its canary to champion, or back; returns a RolloutResult.

    The rollout's own store is the truth: a retry, a clear or a second run of the same request finds the
    rollout and goes on. The task waits in the triggerer; traffic moves from there, aliases from here.
    """

    ui_color = "#fdf0d5"

    def execute(self, context: Context) -> dict[str, Any]:
        """Start or find the rollout and wait for it in the triggerer."""
        if not self.request:
            raise AirflowSkipException("nothing to roll out: see task prepare")
        with measured(context), translated():
            request = DeployRequest.from_json(self.request)
            plan = rollout_plan(self.pipeline, request)
            driver = rollout_driver(self.pipeline)
            state = driver.start(plan)
            context["ti"].xcom_push(key="rollout_id", value=state.id)
            if state.terminal:
                return self._finish(state.id)
        deploy = deploy_of(self.pipeline)
        self.defer(
            trigger=RolloutTrigger(
                rollout_id=state.id,
                store=rollouts_file(),
                target=deploy.target,
                conn_id=deploy.conn_id,
                poll_seconds=deploy.canary.poll.total_seconds(),
            ),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Move the registry's aliases the way the traffic went; returns the RolloutResult as JSON."""
        with measured(context), translated():
            if event.get("error"):
                kind = BackendError if event.get("retryable", True) else ConfigError
                raise kind(str(event["error"]))
            return self._finish(str(event["rollout_id"]))

    def _finish(self, rollout_id: str) -> dict[str, Any]:
        from airflow_mlops.core.rollout import result

        driver = rollout_driver(self.pipeline, registry_of(self.pipeline))
        ended = result(driver.finish(rollout_id))
        self.log.info("%s: %s", ended.outcome, ended.reason)
        return ended.to_json()

    def on_kill(self) -> None:
        """Take traffic back when somebody kills the task."""
        from airflow_mlops.core.rollout import rollout_id

        plan = rollout_plan(self.pipeline, DeployRequest.from_json(self.request))
        driver = rollout_driver(self.pipeline, registry_of(self.pipeline))
        driver.restore(rollout_id(plan), "the task was killed", "airflow")
