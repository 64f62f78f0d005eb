"""Driving a rollout: save the intent, act, read back, save what is done. Any crash is only a pause."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from airflow_mlops.backends.rollout_store import RolloutStore
from airflow_mlops.backends.targets.base import Target
from airflow_mlops.config.models import Canary
from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict
from airflow_mlops.core.rollout import (
    Ensure,
    GuardPlan,
    Phase,
    RolloutPlan,
    RolloutState,
    SetWeight,
    Shadow,
    advance,
    begin_move,
    close,
    conflict,
    decide,
    restore,
    result,
    wanted,
)

_TRIES: Final = 5


class Aliases(Protocol):
    """The moves in the model registry that a rollout makes; all idempotent."""

    def get(self, alias: str) -> int | None:
        """Return the version that an alias points at, or None."""
        ...

    def set(self, alias: str, version: int) -> None:
        """Point an alias at a version."""
        ...

    def delete(self, alias: str) -> None:
        """Delete an alias; a missing one is harmless."""
        ...

    def tag(self, version: int, tags: Mapping[str, str]) -> None:
        """Set tags on a version."""
        ...

    def attach(self, version: int, filename: str, payload: Mapping[str, Any]) -> None:
        """Write a JSON artifact to the run of a version."""
        ...


def plan_rollout(
    canary: Canary,
    *,
    name: str,
    model_version: int,
    model_uri: str,
    champion_version: int | None,
    request: str = "",
) -> RolloutPlan:
    """Return the plan that a pipeline file's ``canary`` section makes for one version."""
    guard = canary.guards.error_rate
    return RolloutPlan(
        name=name,
        model_version=model_version,
        model_uri=model_uri,
        champion_version=champion_version,
        steps=canary.steps,
        hold_s=canary.hold.total_seconds(),
        step_timeout_s=canary.step_timeout.total_seconds(),
        min_requests=canary.min_requests,
        alpha=canary.alpha,
        max_ratio=guard.max_ratio,
        tolerance=guard.tolerance,
        on_inconclusive=canary.on_inconclusive,
        request=request,
        guards=_guards(canary),
        shadow_s=canary.shadow.total_seconds() if canary.shadow else 0.0,
    )


def _guards(canary: Canary) -> tuple[GuardPlan, ...]:
    guards, plans = canary.guards, []
    if (latency := guards.latency_p95) is not None:
        # By construction one champion request in twenty is slower than its 95th percentile.
        tolerance = min(0.05 * latency.max_ratio, 0.5)
        plans.append(GuardPlan(name="latency_p95", tolerance=tolerance, **latency.model_dump()))
    if guards.quality is not None:
        plans.append(GuardPlan(name="quality", **guards.quality.model_dump()))
    if guards.prediction_shift is not None:
        plans.append(GuardPlan(name="prediction_shift", **guards.prediction_shift.model_dump()))
    return tuple(plans)


class RolloutDriver:
    """Moves rollouts along.

    ``store`` holds the truth, ``target`` the traffic, ``aliases`` the registry. Without aliases the driver
    stops where ``state.needs_registry`` is true and leaves the rest to ``finish`` of a driver that has
    them. ``clock`` returns epoch seconds.
    """

    def __init__(
        self,
        store: RolloutStore,
        target: Target,
        aliases: Aliases | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._target = target
        self._aliases = aliases
        self._clock = clock

    def start(self, plan: RolloutPlan, who: str = "controller", *, supersede: bool = False) -> RolloutState:
        """Return the rollout of ``plan``, created if it is new; a finished one is returned as it ended.

        With ``supersede`` a running rollout of another version is first taken back, which needs aliases.
        Raises RolloutConflict when another one runs and is not (or cannot be) superseded.
        """
        running = self._store.running(plan.name)
        if supersede and running is not None and running.plan != plan:
            self.restore(running.id, f"superseded by version {plan.model_version}", who)
        return self._store.create_or_get(plan, self._clock(), who)

    def poll(self, id_: str) -> RolloutState:
        """Take a rollout as far as it can go now and return where it stands.

        Raises BackendError when the target or the registry does not answer: poll again later.
        """
        return self._retried(lambda: self._drive(id_))

    def finish(self, id_: str) -> RolloutState:
        """Verify the traffic and make the registry's moves of a rollout that waits for them.

        Raises ConfigError when the driver has no aliases.
        """
        if self._aliases is None:
            raise ConfigError(f"rollout {id_} cannot be finished: the driver was made without a registry")
        return self.poll(id_)

    def decide(self, id_: str, choice: str, who: str) -> RolloutState:
        """Record a person's ``continue``, ``promote``, ``rollback`` or ``pause`` and return the state."""
        return self._retried(lambda: self._change(id_, lambda s: decide(s, choice, who, self._clock())))

    def restore(self, id_: str, reason: str, who: str) -> RolloutState:
        """Take a running rollout back to the champion on record; an ended one is left as it is.

        A promotion whose aliases have begun to move is completed instead.
        """
        self._retried(lambda: self._change(id_, lambda s: restore(s, reason, who, self._clock())))
        return self.poll(id_)

    def _retried(self, attempt: Callable[[], RolloutState]) -> RolloutState:
        for _ in range(_TRIES):
            try:
                return attempt()
            except RolloutConflict as error:
                lost = error  # Somebody else wrote meanwhile: read and decide again.
        raise BackendError(f"{lost}, {_TRIES} times in a row: is more than one controller running?") from lost

    def _change(self, id_: str, change: Callable[[RolloutState], RolloutState]) -> RolloutState:
        state, revision = self._store.get(id_)
        changed = change(state)
        if changed != state:
            self._store.save(changed, revision)
        return changed

    def _drive(self, id_: str) -> RolloutState:
        state, revision = self._store.get(id_)
        while not state.terminal:
            state, revision, moved = self._look(state, revision)
            if state.needs_registry and self._aliases is not None:
                state, revision = self._move_aliases(state, revision, self._aliases)
            elif not moved:
                break
        return state

    def _look(self, state: RolloutState, revision: int) -> tuple[RolloutState, int, bool]:
        self._act(state)
        plan = state.plan
        seen = self._target.observe(plan.model_version, plan.champion_version, state.since)
        following, _ = advance(state, seen, self._clock())
        if following != state:
            revision = self._store.save(following, revision)
        return following, revision, len(following.history) > len(state.history)

    def _act(self, state: RolloutState) -> None:
        ready = True
        for action in wanted(state):
            if isinstance(action, Ensure):
                ready = self._ensure(action, state) and ready
            elif isinstance(action, SetWeight) and (ready or action.percent == 0):
                self._target.set_weight(action.version, action.champion, action.percent)
            elif isinstance(action, Shadow) and ready:
                self._target.shadow(action.version, action.champion)

    def _ensure(self, action: Ensure, state: RolloutState) -> bool:
        health = self._target.ensure(action.version, action.model_uri)
        if action.version != state.plan.champion_version:
            return health.status == "ok"
        # A broken champion must hold up neither a roll back nor the change to the version that replaces it.
        if not state.plan.steps or state.phase in (Phase.ROLLING_BACK, Phase.PROMOTING):
            return True
        if health.status == "failed":
            raise BackendError(
                f"champion version {action.version} of {state.plan.name} does not load: {health.detail}; "
                "a canary needs it to fall back to"
            )
        return health.status == "ok"

    def _move_aliases(self, state: RolloutState, revision: int, aliases: Aliases) -> tuple[RolloutState, int]:
        plan, found = state.plan, aliases.get("champion")
        ours = {plan.champion_version} | (
            {plan.model_version} if state.moving or state.phase is Phase.ROLLING_BACK else set()
        )
        if found not in ours and state.outcome is not Phase.CONFLICT:
            changed = conflict(state, found, self._clock())
            return changed, self._store.save(changed, revision)
        if state.phase is Phase.PROMOTING:
            return self._promote(state, revision, aliases)
        if state.outcome is not Phase.CONFLICT:
            _take_back(plan, found, aliases)
        return self._close(state, revision, aliases, champion=plan.champion_version)

    def _promote(self, state: RolloutState, revision: int, aliases: Aliases) -> tuple[RolloutState, int]:
        plan = state.plan
        if not state.moving:
            state = begin_move(state)
            revision = self._store.save(state, revision)
        if plan.champion_version is not None:
            aliases.set("previous", plan.champion_version)
        aliases.set("champion", plan.model_version)
        if aliases.get("challenger") == plan.model_version:
            aliases.delete("challenger")
        return self._close(state, revision, aliases, champion=plan.model_version)

    def _close(
        self, state: RolloutState, revision: int, aliases: Aliases, *, champion: int | None
    ) -> tuple[RolloutState, int]:
        now = self._clock()
        ended = close(state, now)
        version = state.plan.model_version
        tags = {
            "mlops.rollout.outcome": str(ended.phase),
            "mlops.rollout.reason": ended.reason,
            "mlops.rollout.id": ended.id,
            "mlops.rollout.at": datetime.fromtimestamp(now, UTC).isoformat(),
        }
        aliases.tag(version, tags)
        aliases.attach(version, f"rollout/{ended.id}.json", result(ended).to_json())
        self._target.finalize(champion)
        return ended, self._store.save(ended, revision)


def _take_back(plan: RolloutPlan, found: int | None, aliases: Aliases) -> None:
    """Point the aliases at what the record says: the champion before, and no challenger."""
    if plan.champion_version is None:
        if found is not None:
            aliases.delete("champion")
    elif found != plan.champion_version:
        aliases.set("champion", plan.champion_version)
    if aliases.get("challenger") == plan.model_version:
        aliases.delete("challenger")
