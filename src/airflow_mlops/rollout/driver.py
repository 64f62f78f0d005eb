"""Driving a rollout: save the intent, act, read back, save the result. A crash only pauses it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict, TrafficHeld
from airflow_mlops.rollout.admission import Admission
from airflow_mlops.rollout.aliases import Aliases, champion_after, repair_aliases, with_digests
from airflow_mlops.rollout.core import (
    Phase,
    RolloutPlan,
    RolloutState,
    abort,
    advance,
    decide,
    rebased,
    refused,
    restore,
    rollout_id,
    write_off,
)
from airflow_mlops.rollout.moves import RegistryMoves
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.target_moves import TargetMoves
from airflow_mlops.rollout.targets.base import OrderedBy, Target

_TRIES: Final = 5
_LOG = logging.getLogger(__name__)


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
        self._admission = Admission(store, aliases, clock)
        if isinstance(target, Target) and not target.orders.controller:
            target.identify(OrderedBy(controller=store.identity, place=store.place))

    def start(
        self, plan: RolloutPlan, who: str = "controller", *, on_newer: str = "conflict"
    ) -> RolloutState:
        """Return the rollout of ``plan``, created if it is new; a finished one is returned as it ended.

        A running canary of the same version is found too. ``on_newer`` says what happens to a running canary
        of another version: ``supersede`` takes it back first, unless ``plan`` is the older one and came by
        itself; anything else leaves it alone. With aliases the champion of now is the one to fall back to,
        and a plan that is out of date ends at once, without a record, as SUPERSEDED or CONFLICT.

        Raises RolloutConflict when another rollout runs and is not superseded, BackendError when its traffic
        could not be taken back yet.
        """
        plan = self._admission.told_apart(plan)
        id_, known = rollout_id(plan), self._store.find(rollout_id(plan))
        if known is None:
            running = self._store.running(plan.name)
            if running is not None and _same_canary(running.plan, plan):
                return running
            ended = self._admission.rejected(plan, who) or self._resolve_running(
                plan, running, who, supersede=on_newer == "supersede"
            )
            if ended is not None:
                return ended
            self._store.create_or_get(plan, self._clock(), who)
        return self._retried(lambda: self._rebase(id_))[0]

    def _resolve_running(
        self, plan: RolloutPlan, running: RolloutState | None, who: str, *, supersede: bool
    ) -> RolloutState | None:
        """End the running rollout that ``plan`` supersedes, or return how ``plan`` itself ends."""
        if not supersede or (running is not None and running.plan.goes_back):
            running = None
        ended = self._admission.outdated(plan, running, who, supersede=supersede)
        if ended is None and running is not None:
            self._supersede(running, plan, who)
        return ended

    def _supersede(self, running: RolloutState, plan: RolloutPlan, who: str) -> None:
        reason = f"superseded by version {plan.model_version}"
        after = self.restore(running.id, reason, who, outcome=Phase.SUPERSEDED)
        if not after.terminal:
            raise BackendError(
                f"rollout {after.id} of {plan.name} is {after.label}: its traffic could not be taken back "
                f"yet, so version {plan.model_version} cannot start"
            )

    def _rebase(self, id_: str) -> RolloutState:
        state, revision = self._store.get(id_)
        if self._aliases is None or state.phase is not Phase.PENDING:
            return state
        changed = state
        if not state.plan.goes_back:
            changed = rebased(state, self._aliases.get("champion"), self._clock())
        changed = with_digests(changed, self._aliases)
        if changed != state:
            self._store.save(changed, revision)
        return changed

    def poll(self, id_: str) -> RolloutState:
        """Take a rollout as far as it can go now and return where it stands.

        One whose target another controller moves ends as CONFLICT. Raises BackendError when the target or the
        registry does not answer: poll again later.
        """
        try:
            state, lost = self._retried(lambda: self._drive(id_))
            if state.terminal:
                self._reconcile_traffic(state, lost=lost)
        except TrafficHeld as error:
            reason = str(error)
            return self._retried(lambda: self._change(id_, lambda s: refused(s, reason, self._clock())))[0]
        return state

    def finish(self, id_: str) -> RolloutState:
        """Verify the traffic and make the registry's moves of a rollout that waits for them.

        Raises ConfigError when the driver has no aliases.
        """
        if self._aliases is None:
            raise ConfigError(f"rollout {id_} cannot be finished: this driver has no model registry")
        return self.poll(id_)

    def decide(self, id_: str, choice: str, who: str) -> RolloutState:
        """Record a person's ``continue``, ``promote``, ``rollback`` or ``pause`` and return the state."""
        return self._retried(lambda: self._change(id_, lambda s: decide(s, choice, who, self._clock())))[0]

    def restore(
        self,
        id_: str,
        reason: str,
        who: str,
        outcome: Phase = Phase.ROLLED_BACK,
        *,
        rejected: bool = False,
    ) -> RolloutState:
        """Take a running rollout back to the champion on record; an ended one is left as it is.

        ``rejected``: because of the version, which is then not tried again by itself. A promotion whose
        aliases have begun to move is completed instead.
        """

        def order(state: RolloutState) -> RolloutState:
            return restore(state, reason, who, self._clock(), outcome, rejected=rejected)

        self._retried(lambda: self._change(id_, order))
        return self.poll(id_)

    def abort(self, id_: str, who: str) -> RolloutState:
        """Take a running rollout back whatever it is doing, a promotion that moves its aliases included.

        Its version is not tried again by itself. Raises BackendError or ConfigError when the target or the
        registry does not follow; the order stands, and ``write_off`` ends the record without them.
        """
        reason = f"aborted by {who}"
        self._retried(lambda: self._change(id_, lambda s: abort(s, reason, who, self._clock())))
        return self.poll(id_)

    def write_off(self, id_: str, reason: str, who: str) -> RolloutState:
        """End the record of a rollout although the target or the registry does not answer."""
        return self._retried(lambda: self._change(id_, lambda s: write_off(s, reason, who, self._clock())))[0]

    def _retried(self, attempt: Callable[[], RolloutState]) -> tuple[RolloutState, bool]:
        """Return the state, and whether another driver was first in between."""
        lost: RolloutConflict | None = None
        for _ in range(_TRIES):
            try:
                return attempt(), lost is not None
            except RolloutConflict as error:
                lost = error  # Another process wrote in between: read and decide again.
        raise BackendError(f"{lost}, {_TRIES} times in a row: is more than one controller running?") from lost

    def _reconcile_traffic(self, own: RolloutState, *, lost: bool) -> None:
        """Send the traffic where the newest rollout left it, if none runs.

        A driver that slept, or died and came back, may have set a weight after another one had ended the
        rollout. The newest has a say only if its champion still is the one on record.
        """
        for _ in range(_TRIES):
            latest = self._store.latest(own.plan.name)
            if latest is None or not latest.terminal:
                return
            champion = champion_after(latest)
            if self._on_record(own, latest, lost=lost):
                if champion is not None:  # a server whose state was lost does not hold it any more
                    digest = "" if self._aliases is None else self._aliases.digest(champion)
                    self._target.ensure(champion, f"models:/{own.plan.name}/{champion}", digest)
                self._target.finalize(champion)
            again = self._store.latest(own.plan.name)
            if again is None or (again.id, again.phase) == (latest.id, latest.phase):
                return

    def _on_record(self, own: RolloutState, latest: RolloutState, *, lost: bool) -> bool:
        """Whether the newest rollout's champion is the one on record, so that the traffic follows it."""
        if self._aliases is None:
            return lost  # without a registry, only a lost race is a reason to set the traffic again
        try:
            if lost:
                repair_aliases(own, latest, self._aliases)
            return self._aliases.get("champion") == champion_after(latest)
        except ConfigError:  # a registry that refuses holds up no end
            return lost

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
                moves = RegistryMoves(self._store, self._target, self._aliases, self._clock)
                state, revision = moves.make(state, revision)
            elif not moved:
                break
        return state

    def _look(self, state: RolloutState, revision: int) -> tuple[RolloutState, int, bool]:
        found, plan = TargetMoves(self._target).make(state), state.plan
        seen = self._target.observe(plan.model_version, plan.champion_version, state.since)
        seen = replace(seen, champion_health=found.champion, health=found.failed or seen.health)
        following, _ = advance(state, seen, self._clock())
        if _should_persist(state, following):
            revision = self._store.save(following, revision)
        elif self._store.get(state.id)[1] != revision:
            raise RolloutConflict(f"rollout {state.id} was changed by another process")
        else:
            following = state
        return following, revision, len(following.history) > len(state.history)


def _should_persist(before: RolloutState, after: RolloutState) -> bool:
    """Whether a new state must be saved now: if only time passed, four times per ``gap_s`` are enough."""
    time_alone = replace(after, watched=before.watched, looked=before.looked, fresh=before.fresh) == before
    elapsed = (after.looked or 0.0) - (before.looked or 0.0)
    return not time_alone or abs(elapsed) >= before.plan.gap_s / 4


def _same_canary(running: RolloutPlan, plan: RolloutPlan) -> bool:
    """Whether both are canaries of the same version, whoever requested them and whichever the champion is."""
    alike = (running.model_version, running.goes_back) == (plan.model_version, plan.goes_back)
    return alike and not plan.goes_back
