"""Rollout: a version goes through its canary to champion, or back."""

from __future__ import annotations

import logging

from airflow_mlops.config.models import Deploy
from airflow_mlops.core.errors import ConfigError, NothingToDo, RolloutConflict
from airflow_mlops.core.records import DeployRequest, RolloutResult, RolloutWait
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.rollout.core import RolloutPlan, RolloutState, result, rollback_to
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.plan import plan_rollout

_LOG = logging.getLogger(__name__)


def run(call: StageCall) -> RolloutResult | RolloutWait:
    """Start or find the rollout of the input ``request``; return how it ended, or what to wait for.

    The rollout's own store is the truth: a retry, a clear or a second run of the same request finds the
    rollout. The option ``rollout_id`` names one that only has its registry left to move, ``on_newer``
    replaces the pipeline's own setting. Raises NothingToDo without a request, RolloutConflict when another
    rollout runs and neither waits.
    """
    request = call.optional("request", DeployRequest)
    if request is None:
        raise NothingToDo("nothing to roll out: see task prepare")
    deploy, driver = deploy_section(call), driver_of(call)
    rollout_id = call.options.get("rollout_id")
    state = driver.finish(str(rollout_id)) if rollout_id else _started(call, driver, request)
    if state is not None and state.terminal:
        ended = result(state)
        _LOG.info("%s", ended.summary)
        return ended
    return RolloutWait(
        name=call.pipeline.name,
        rollout_id=state.id if state else "",
        target=deploy.target,
        conn_id=deploy.conn_id,
        poll_s=deploy.canary.poll.total_seconds(),
    )


def plan_of(call: StageCall, request: DeployRequest) -> RolloutPlan:
    """Return the plan of the rollout that ``request`` asks for; a rollback has no canary steps."""
    if request.action == "rollback" and request.champion_version is not None:
        return rollback_to(
            request.name, request.model_version, champion=request.champion_version, request=request.request
        )
    plan = plan_rollout(
        deploy_section(call).canary,
        name=request.name,
        model_version=request.model_version,
        model_uri=f"models:/{request.name}/{request.model_version}",
        champion_version=request.champion_version,
        request=request.request,
    )
    return call.rollouts.adapted(plan)


def driver_of(call: StageCall) -> RolloutDriver:
    """Return the driver of the pipeline's rollouts, with its registry."""
    deploy = deploy_section(call)
    target = call.rollouts.target(deploy.target, deploy.conn_id)
    return RolloutDriver(call.rollouts.store(), target, call.registry)


def deploy_section(call: StageCall) -> Deploy:
    """Return the pipeline's ``deploy`` section; raises ConfigError when it has none."""
    if call.pipeline.deploy is None:
        raise ConfigError(f"pipeline {call.pipeline.name} must have a `deploy` section")
    return call.pipeline.deploy


def _started(call: StageCall, driver: RolloutDriver, request: DeployRequest) -> RolloutState | None:
    """Return the rollout, new or found; None while another one of the model goes first."""
    plan = plan_of(call, request)
    by = (call.user or "airflow") if request.request else "controller"
    on_newer = str(call.options.get("on_newer") or deploy_section(call).canary.on_newer)
    try:
        return driver.start(plan, by, on_newer=on_newer)
    except RolloutConflict:
        if on_newer == "wait" and not plan.goes_back:
            return None
        raise
