"""Prepare: which version a deploy is about, and what is known of it."""

from __future__ import annotations

import logging
from typing import Final

from airflow_mlops.core.errors import ConfigError, NothingToDo
from airflow_mlops.core.records import DeployRequest
from airflow_mlops.core.tags import AGREEMENT, AGREEMENT_CAUTION, AUTHOR, GATE_CAUTION
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.training.registry import Registry

_LOG = logging.getLogger(__name__)
DEPLOY: Final = "deploy"
ROLLBACK: Final = "rollback"
REQUESTED: Final = "requested by hand"
GATE_PASSED: Final = "passed its gate"


def run(call: StageCall) -> DeployRequest:
    """Return the version to deploy, and the champion that it would replace.

    Options: ``action`` (``deploy``, ``rollback``, ``pause``, ``continue`` or ``promote``), ``version`` (asked
    for by a person), ``event_version`` (of the event that started the run) and ``run_id``. Without a version
    it is the registry's challenger; for ``rollback`` the previous champion. A decision about a running
    rollout is handed to that rollout. Raises NothingToDo when that was all, or the version is champion
    already, ConfigError when there is no such version or nothing to decide.
    """
    action, name = str(call.options.get("action") or DEPLOY), call.pipeline.name
    registry = call.registry
    if action != DEPLOY and _decided(call, action, registry):
        raise NothingToDo(f"{action}: passed on to the running rollout")
    champion = registry.get("champion")
    version, reason = _version(call, action, registry)
    if version == champion:
        raise NothingToDo(f"version {version} of {name} is the champion already")
    evaluation, tags = registry.evaluation(version), registry.version(version).tags
    _LOG.info("%s version %s of %s", action, version, name)
    return DeployRequest(
        name=name,
        action=action,
        model_version=version,
        champion_version=champion,
        metrics=evaluation.metrics if evaluation else {},
        comparisons=evaluation.comparisons if evaluation else (),
        of_class=evaluation.of_class if evaluation else "",
        reason=reason,
        agreement=tags.get(AGREEMENT, ""),
        caution="; ".join(tags[key] for key in (AGREEMENT_CAUTION, GATE_CAUTION) if key in tags),
        compared_with=evaluation.champion_version if evaluation else None,
        request=str(call.options.get("run_id") or "") if reason == REQUESTED else "",
        author=tags.get(AUTHOR, ""),
        requested_by=call.user,
    )


def _decided(call: StageCall, action: str, registry: Registry) -> bool:
    """Pass a person's decision on to the running rollout.

    False when there is none and a rollback starts one.
    """
    name, deploy = call.pipeline.name, call.pipeline.deploy
    running = call.rollouts.store().running(name)
    if running is None:
        if action == ROLLBACK:
            return False
        raise ConfigError(f"{action}: no rollout of {name} is running, so there is nothing to decide")
    if deploy is None:
        raise ConfigError(f"pipeline {name} must have a `deploy` section")
    # With the registry a rollback ends even when the run that started the rollout is gone.
    target = call.rollouts.target(deploy.target, deploy.conn_id)
    driver = RolloutDriver(call.rollouts.store(), target, registry)
    user = call.user or "airflow"
    if action == ROLLBACK:
        driver.restore(running.id, f"rolled back by {user}", user, rejected=True)
    else:
        driver.decide(running.id, action, user)
    return True


def _version(call: StageCall, action: str, registry: Registry) -> tuple[int, str]:
    """Return the version and why it is this one."""
    name, options = call.pipeline.name, call.options
    if action == ROLLBACK:
        previous = registry.get("previous")
        if previous is None:
            raise ConfigError(f"{name} has no previous champion to roll back to")
        return previous, REQUESTED
    if options.get("version") is not None:
        return int(options["version"]), REQUESTED
    if options.get("event_version") is not None:
        return int(options["event_version"]), GATE_PASSED
    challenger = registry.get("challenger")
    if challenger is None:
        raise ConfigError(f"{name} has no challenger: run {name}__train, or give a version")
    return challenger, "the registry's challenger"
