"""What a rollout does in the model registry: verify it before all traffic moves, then move the aliases.

"Not there" and "forbidden" (ConfigError) stay so: they end a rollout with the champion serving. "Does not
answer" (BackendError) is tried again by whoever polls.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from airflow_mlops.core.errors import ConfigError, MlopsError
from airflow_mlops.rollout.aliases import Aliases, outcome_tags, revert_aliases
from airflow_mlops.rollout.core import (
    Phase,
    RolloutPlan,
    RolloutState,
    begin_move,
    close,
    conflict,
    give_up,
    result,
    verified,
)
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.base import Target

_LOG = logging.getLogger(__name__)
_Saved = tuple[RolloutState, int]


class RegistryMoves:
    """The moves of rollouts in ``aliases``; each returns the state and its revision in ``store``.

    ``clock`` returns epoch seconds.
    """

    def __init__(
        self, store: RolloutStore, target: Target, aliases: Aliases, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._target = target
        self._aliases = aliases
        self._clock = clock

    def make(self, state: RolloutState, revision: int) -> _Saved:
        """Make the next move of a rollout whose ``needs_registry`` is true.

        Raises BackendError when the registry or the target does not answer.
        """
        if state.phase is Phase.PROMOTING and not state.may_take_all:
            return self._verify(state, revision)
        plan = state.plan
        try:
            found = self._aliases.get("champion")
        except ConfigError as error:
            return self._without_registry(state, revision, error)
        expected = {plan.champion_version}
        if state.moving or state.phase is Phase.ROLLING_BACK:
            expected.add(plan.model_version)
        if state.phase is Phase.ROLLING_BACK:
            expected.add(None)  # an alias that somebody deleted is set again
        if found not in expected and state.outcome is not Phase.CONFLICT:
            changed = conflict(state, found, self._clock())
            return changed, self._store.save(changed, revision)
        if state.phase is Phase.PROMOTING:
            return self._promote(state, revision)
        try:
            if state.outcome is not Phase.CONFLICT:
                revert_aliases(plan, found, self._aliases)
            elif found is None and plan.champion_version is not None:
                self._aliases.set("champion", plan.champion_version)  # nobody else's, and it serves
        except ConfigError as error:
            return self._without_registry(state, revision, error)
        return self._close(state, revision, champion=plan.champion_version)

    def _verify(self, state: RolloutState, revision: int) -> _Saved:
        """Check all that the promotion needs while the champion still has its traffic."""
        version = state.plan.model_version
        try:
            self._aliases.check(version)
        except ConfigError as error:
            changed = give_up(state, f"version {version} cannot be promoted: {error}", self._clock())
        else:
            changed = verified(state)
        return changed, self._store.save(changed, revision)

    def _promote(self, state: RolloutState, revision: int) -> _Saved:
        plan, aliases = state.plan, self._aliases
        if not state.moving:
            state = begin_move(state)
            revision = self._store.save(state, revision)
        try:
            aliases.set("champion", plan.model_version)
        except ConfigError as error:
            reason = f"alias champion cannot be moved to version {plan.model_version}: {error}"
            changed = give_up(state, reason, self._clock())
            return changed, self._store.save(changed, revision)
        # The champion is in place; the other aliases cannot take that back.
        self._try("alias previous", lambda: self._set_previous(plan))
        self._try("alias challenger", lambda: self._drop_challenger(plan))
        return self._close(state, revision, champion=plan.model_version)

    def _set_previous(self, plan: RolloutPlan) -> None:
        if plan.champion_version is not None:
            self._aliases.set("previous", plan.champion_version)

    def _drop_challenger(self, plan: RolloutPlan) -> None:
        if self._aliases.get("challenger") == plan.model_version:
            self._aliases.delete("challenger")

    def _without_registry(self, state: RolloutState, revision: int, error: ConfigError) -> _Saved:
        """Go on although the registry refuses: a promotion goes back, a roll back ends without aliases."""
        if state.phase is Phase.PROMOTING:
            changed = give_up(state, f"the promotion cannot be completed: {error}", self._clock())
            return changed, self._store.save(changed, revision)
        reason = f"{state.reason}; no alias was moved: {error}"
        return self._close(state, revision, champion=state.plan.champion_version, reason=reason)

    def _close(self, state: RolloutState, revision: int, *, champion: int | None, reason: str = "") -> _Saved:
        now = self._clock()
        ended = close(state, now, reason)
        version = state.plan.model_version
        self._try("its outcome as tags", lambda: self._aliases.tag(version, outcome_tags(ended, now)))
        try:
            self._aliases.attach(version, f"rollout/{ended.id}.json", result(ended).to_json())
        except MlopsError as error:  # a record only: a store of artifacts that is gone holds nothing up
            _LOG.warning("rollout %s: its record was not stored in MLflow: %s", ended.id, error)
        self._target.finalize(champion)
        return ended, self._store.save(ended, revision)

    @staticmethod
    def _try(what: str, effect: Callable[[], None]) -> None:
        """Do what an end does not depend on; what the registry refuses for good is logged."""
        try:
            effect()
        except ConfigError as error:
            _LOG.warning("%s: refused by MLflow: %s", what, error)
