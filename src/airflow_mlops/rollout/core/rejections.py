"""Which rollouts reject their version for good, whatever is planned next. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from airflow_mlops.rollout.core.state import Phase, RolloutPlan, RolloutState


def is_rejection(ended: RolloutState) -> bool:
    """Whether a rollout ended because of its version: a guard or a person took it back.

    A rollout that ended for outside reasons (superseded, in conflict, a registry that refused, a run that was
    killed) says nothing about its version.
    """
    # Earlier releases kept only who took the version back.
    by_guard = any(entry.who == "guard" and entry.to == Phase.ROLLING_BACK for entry in ended.history)
    return ended.phase is Phase.ROLLED_BACK and (ended.rejected or by_guard)


def find_rejection(ended: Iterable[RolloutState], version: int, digest: str) -> RolloutState | None:
    """Return the rollout that rejected a version or its model, None when there is none.

    ``ended`` are rollouts of one registered model, newest first; ``digest`` names the model of ``version``,
    empty when it is not known. A promotion since then takes a rejection back.
    """
    for state in ended:
        if not _is_about(state, version, digest):
            continue
        if state.phase is Phase.PROMOTED:
            return None
        if is_rejection(state):
            return state
    return None


def is_of_another_model(known: RolloutState, digest: str) -> bool:
    """Whether a rollout was of another model than that of ``digest``, though its version has the same number.

    A registered model that was deleted and made anew counts its versions from 1 again.
    """
    return bool(digest and known.digest and known.digest != digest)


def _is_about(state: RolloutState, version: int, digest: str) -> bool:
    if digest and state.digest:
        return state.digest == digest
    return state.plan.model_version == version


def rejection_reason(plan: RolloutPlan, rejection: RolloutState) -> str:
    """Return in words why ``plan`` does not begin: ``rejection`` was about the same model."""
    version, before = plan.model_version, rejection.plan.model_version
    at = datetime.fromtimestamp(rejection.entered, UTC)
    subject = (
        f"version {version}" if version == before else f"version {version}, the model of version {before},"
    )
    return (
        f"{subject} was rejected on {at:%Y-%m-%d %H:%M} UTC because: {rejection.reason}; it is not tried "
        f'again by itself: run it again with {{"version": {version}}}'
    )
