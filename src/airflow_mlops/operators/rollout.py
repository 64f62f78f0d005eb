"""The rollout task: the canary of a version, waited for without a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.hooks.errors import translated
from airflow_mlops.hooks.rollouts import rollouts_place
from airflow_mlops.operators.base import StageOperator
from airflow_mlops.operators.restore import RestoreOperator
from airflow_mlops.triggers.rollout import RolloutTrigger, TurnTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class RolloutOperator(StageOperator):
    """Carries a version through its canary to champion, or back; returns a RolloutResult.

    The rollout's own store is the truth: a retry, a clear or a second run of the same request finds the
    rollout. The task waits in the triggerer; traffic moves from there, aliases from here. See StageOperator
    for the other parameters.

    :param request: the record of the prepare task, usually its ``output``.
    """

    stage = "rollout"
    takes: ClassVar[tuple[str, ...]] = ("request",)
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, request: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request = request

    def execute(self, context: Context) -> dict[str, Any]:
        """Start or find the rollout and wait for it in the triggerer."""
        return self._advance(context)

    def execute_turn(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Begin once no other rollout of the model runs."""
        return self._advance(context, event)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Move the registry's aliases the way the traffic went; returns the RolloutResult as JSON."""
        return self._advance(context, event)

    def on_kill(self) -> None:
        """Take traffic back when somebody kills the task; a rollout that another run began is left alone."""
        restored = RestoreOperator(
            task_id=f"{self.task_id}_killed", pipeline=self.pipeline, base=self.base, request=self.request
        )
        restored.restore("the task was killed", Path(self.dag.fileloc).absolute().parent)

    def _advance(self, context: Context, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the stage; wait for what it waits for, or return how the rollout ended."""
        event = event or {}
        with translated():
            if event.get("error"):
                kind = BackendError if event.get("retryable", True) else ConfigError
                raise kind(str(event["error"]))
            rollout_id = event.get("rollout_id")
            result = self.run(context, **({"rollout_id": rollout_id} if rollout_id else {}))
            record = dict(result.record)
            if record["kind"] != "RolloutWait":
                self.after(context, result)
                return self.accept(record, context)
            store = rollouts_place()
        if not record["rollout_id"]:
            turn = TurnTrigger(name=record["name"], store=store, poll_seconds=record["poll_s"])
            self.defer(trigger=turn, method_name="execute_turn")
        context["ti"].xcom_push(key="rollout_id", value=record["rollout_id"])
        trigger = RolloutTrigger(
            rollout_id=record["rollout_id"],
            store=store,
            target=record["target"],
            conn_id=record["conn_id"],
            poll_seconds=record["poll_s"],
        )
        self.defer(trigger=trigger, method_name="execute_complete")
