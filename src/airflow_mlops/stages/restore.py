"""Restore: no half-done rollout keeps its traffic."""

from __future__ import annotations

from airflow_mlops.core.records import DeployRequest, TrafficCheck
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.rollout.core import rollout_id
from airflow_mlops.stages.rollout import driver_of, plan_of


def run(call: StageCall) -> TrafficCheck:
    """Roll back the rollout of the input ``request`` unless it has ended, and check the traffic.

    The option ``reason`` says why; a rollout that another request started is left alone.
    """
    request = call.optional("request", DeployRequest)
    state = None
    if request is not None:
        state = call.rollouts.store().find(rollout_id(plan_of(call, request)))
    if state is None:
        return TrafficCheck(phase="none")
    reason = str(call.options.get("reason") or "the deploy run ended before the rollout")
    return TrafficCheck(phase=str(driver_of(call).restore(state.id, reason, "airflow").phase))
