"""The canary of a version, waited for without a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict
from airflow_mlops.core.records import DeployRequest
from airflow_mlops.hooks.errors import translated
from airflow_mlops.hooks.rollouts import rollouts_place
from airflow_mlops.operators.deploy import (
    DeployOperator,
    deploy_of,
    person_behind,
    registry_of,
    rollout_driver,
    rollout_plan,
    rollout_store,
)
from airflow_mlops.operators.resource_usage import measured
from airflow_mlops.triggers.rollout import RolloutTrigger, TurnTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_mlops.rollout.core import RolloutState


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
        deploy = deploy_of(self.pipeline)
        with measured(context), translated():
            state = self._started(context)
            if state is None:
                turn = TurnTrigger(
                    name=self.pipeline.name,
                    store=rollouts_place(),
                    poll_seconds=deploy.canary.poll.total_seconds(),
                )
                self.defer(trigger=turn, method_name="execute_turn")
            context["ti"].xcom_push(key="rollout_id", value=state.id)
            if state.terminal:
                return self._told(state)
        self.defer(
            trigger=RolloutTrigger(
                rollout_id=state.id,
                store=rollouts_place(),
                target=deploy.target,
                conn_id=deploy.conn_id,
                poll_seconds=deploy.canary.poll.total_seconds(),
            ),
            method_name="execute_complete",
        )

    def execute_turn(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Begin once no other rollout of the model runs."""
        with translated():
            _raise_from(event)
        return self.execute(context)

    def _started(self, context: Context) -> RolloutState | None:
        """Return the rollout, new or found; None while another one of the model goes first."""
        request = DeployRequest.from_json(self.request)
        plan = rollout_plan(self.pipeline, request)
        driver = rollout_driver(self.pipeline, registry_of(self.pipeline))
        who = person_behind(context) if request.request else "controller"
        on_newer = deploy_of(self.pipeline).canary.on_newer
        try:
            return driver.start(plan, who, on_newer=on_newer)
        except RolloutConflict:
            if on_newer == "wait" and not plan.goes_back:
                return None
            raise

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Move the registry's aliases the way the traffic went; returns the RolloutResult as JSON."""
        with measured(context), translated():
            _raise_from(event)
            return self._finish(str(event["rollout_id"]))

    def _finish(self, rollout_id: str) -> dict[str, Any]:
        driver = rollout_driver(self.pipeline, registry_of(self.pipeline))
        return self._told(driver.finish(rollout_id))

    def _told(self, state: RolloutState) -> dict[str, Any]:
        from airflow_mlops.rollout.core import result

        ended = result(state)
        self.log.info("%s: %s", ended.outcome, ended.reason)
        return ended.to_json()

    def on_kill(self) -> None:
        """Take traffic back when somebody kills the task; a rollout that another run began is left alone."""
        from airflow_mlops.rollout.core import rollout_id

        plan = rollout_plan(self.pipeline, DeployRequest.from_json(self.request))
        if rollout_store().find(rollout_id(plan)) is None:
            return
        driver = rollout_driver(self.pipeline, registry_of(self.pipeline))
        driver.restore(rollout_id(plan), "the task was killed", "airflow")


def _raise_from(event: Mapping[str, Any]) -> None:
    if event.get("error"):
        kind = BackendError if event.get("retryable", True) else ConfigError
        raise kind(str(event["error"]))
