"""Whether a plan may begin: its version was not rejected before, and its plan is not out of date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airflow_mlops.rollout.aliases import Aliases, outcome_tags
from airflow_mlops.rollout.core import (
    Phase,
    RolloutPlan,
    RolloutState,
    is_of_another_model,
    outdated,
    rejection_reason,
    rollout_id,
    withdrawn,
)
from airflow_mlops.rollout.store.store import RolloutStore


class Admission:
    """Finds plans that end before they begin; each of them ends without a record in ``store``.

    ``aliases`` is the registry, None for a driver without one. ``clock`` returns epoch seconds.
    """

    def __init__(self, store: RolloutStore, aliases: Aliases | None, clock: Callable[[], float]) -> None:
        self._store = store
        self._aliases = aliases
        self._clock = clock

    def told_apart(self, plan: RolloutPlan) -> RolloutPlan:
        """Return the plan, with its model's digest when it was carried out before, but for another model.

        That happens when the registered model was deleted, or MLflow's database lost, and the store was kept.
        """
        known = self._store.find(rollout_id(plan))
        if known is None or not known.terminal or self._aliases is None:
            return plan
        digest = self._aliases.digest(plan.model_version)
        return replace(plan, model=digest) if is_of_another_model(known, digest) else plan

    def rejected(self, plan: RolloutPlan, who: str) -> RolloutState | None:
        """Return how a plan ends whose version was rejected before; a person's request is tried again."""
        if plan.request:
            return None
        digest = "" if self._aliases is None else self._aliases.digest(plan.model_version)
        rejection = self._store.rejection(plan.name, plan.model_version, digest)
        if rejection is None:
            return None
        reason = rejection_reason(plan, rejection)
        ended = withdrawn(plan, Phase.ROLLED_BACK, reason, who, self._clock())
        if self._aliases is not None:
            if rejection.plan.model_version != plan.model_version:
                self._aliases.tag(plan.model_version, outcome_tags(ended, self._clock()))
            if self._aliases.get("challenger") == plan.model_version:
                self._aliases.delete("challenger")
        return ended

    def outdated(
        self, plan: RolloutPlan, running: RolloutState | None, who: str, *, supersede: bool
    ) -> RolloutState | None:
        """Return how a plan ends that is out of date; ``running`` is the rollout that it would supersede."""
        if self._aliases is None:
            return None
        newer = None
        if supersede:
            waiting = (self._aliases.get("challenger"), running.plan.model_version if running else None)
            newer = max((version for version in waiting if version is not None), default=None)
        found = outdated(plan, self._aliases.get("champion"), newer)
        if found is None:
            return None
        outcome, reason = found
        ended = withdrawn(plan, outcome, reason, who, self._clock())
        if self._aliases.get("champion") != plan.model_version:
            self._aliases.tag(plan.model_version, outcome_tags(ended, self._clock()))
        return ended
