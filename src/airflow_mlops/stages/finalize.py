"""Finalize: a deploy run ends in the state that its rollout ended in."""

from __future__ import annotations

from airflow_mlops.core.errors import GateRejected, NothingToDo
from airflow_mlops.core.records import Approval, DeployRequest, RolloutResult
from airflow_mlops.lifecycle.call import StageCall


def run(call: StageCall) -> RolloutResult:
    """Return the record of a promoted version.

    Inputs: ``request``, ``approval`` and ``rollout``, each missing where its task did not get that far. The
    option ``prepare`` is the state of that task. Raises NothingToDo when a person rejected the version, a
    newer one superseded it or nothing was to be deployed, GateRejected when it was rolled back.
    """
    request = call.optional("request", DeployRequest)
    if request is None:
        kind = NothingToDo if call.options.get("prepare") == "skipped" else GateRejected
        raise kind("nothing was deployed: see task prepare")
    approval = call.optional("approval", Approval)
    if approval is not None and approval.rejection:
        raise NothingToDo(approval.rejection)
    ended = call.optional("rollout", RolloutResult)
    if ended is None:
        raise GateRejected(f"the rollout of version {request.model_version} did not end: see task rollout")
    if ended.outcome == "SUPERSEDED":
        raise NothingToDo(f"version {ended.model_version}: {ended.reason}")
    if ended.outcome != "PROMOTED":
        champion = ended.champion_version
        stays = f"; version {champion} stays champion" if champion else ""
        raise GateRejected(
            f"version {ended.model_version} {ended.outcome}: {ended.reason}{stays}", record=ended
        )
    return ended
