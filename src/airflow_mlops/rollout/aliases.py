"""The changes that a rollout makes in the model registry: aliases, tags, one artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from airflow_mlops.core.tags import ROLLOUT_AT, ROLLOUT_ID, ROLLOUT_OUTCOME, ROLLOUT_REASON
from airflow_mlops.rollout.core import Phase, RolloutPlan, RolloutState


class Aliases(Protocol):
    """What a rollout asks of the model registry; all idempotent.

    Raises ConfigError for what is not there or forbidden, BackendError when the registry does not answer.
    """

    def get(self, alias: str) -> int | None:
        """Return the version that an alias points at, or None."""
        ...

    def set(self, alias: str, version: int) -> None:
        """Point an alias at a version."""
        ...

    def delete(self, alias: str) -> None:
        """Delete an alias; a missing one is harmless."""
        ...

    def check(self, version: int) -> None:
        """Raise ConfigError when a version cannot become champion: it, its files or the right is missing."""
        ...

    def digest(self, version: int) -> str:
        """Return what names the model of a version, empty when that is not known."""
        ...

    def tag(self, version: int, tags: Mapping[str, str]) -> None:
        """Set tags on a version."""
        ...

    def attach(self, version: int, filename: str, payload: Mapping[str, Any]) -> None:
        """Write a JSON artifact to the run of a version."""
        ...


def with_digests(state: RolloutState, aliases: Aliases) -> RolloutState:
    """Return a rollout that has not begun, with what names its model and the champion's in the registry."""
    plan, champion = state.plan, state.plan.champion_version
    return replace(
        state,
        digest=state.digest or aliases.digest(plan.model_version),
        champion_digest="" if champion is None else aliases.digest(champion),
    )


def outcome_tags(ended: RolloutState, now: float) -> dict[str, str]:
    """Return the tags that record how a rollout ended; ``now`` in epoch seconds."""
    return {
        ROLLOUT_OUTCOME: str(ended.phase),
        ROLLOUT_REASON: ended.reason,
        ROLLOUT_ID: ended.id,
        ROLLOUT_AT: datetime.fromtimestamp(now, UTC).isoformat(),
    }


def revert_aliases(plan: RolloutPlan, found: int | None, aliases: Aliases) -> None:
    """Restore the aliases to the state before the rollout: the former champion, and no challenger."""
    if plan.champion_version is None:
        if found is not None:
            aliases.delete("champion")
    elif found != plan.champion_version:
        aliases.set("champion", plan.champion_version)
    if aliases.get("challenger") == plan.model_version:
        aliases.delete("challenger")


def champion_after(ended: RolloutState) -> int | None:
    """Return the version that an ended rollout left as champion, None for none."""
    return ended.plan.model_version if ended.phase is Phase.PROMOTED else ended.plan.champion_version


def repair_aliases(own: RolloutState, latest: RolloutState, aliases: Aliases) -> None:
    """Undo aliases that a driver of ``own`` moved late, after a newer rollout had promoted its version.

    The registry has no compare-and-set, so a driver that lost a race must check what it overwrote.
    """
    if latest.id == own.id or latest.phase is not Phase.PROMOTED:
        return
    late = {"champion": own.plan.model_version, "previous": own.plan.champion_version}
    right = {"champion": latest.plan.model_version, "previous": latest.plan.champion_version}
    for alias, version in right.items():
        if version is not None and version != late[alias] == aliases.get(alias):
            aliases.set(alias, version)
