"""What a rollout does at its target: load versions, move the traffic, copy requests."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from airflow_mlops.core.errors import BackendError
from airflow_mlops.rollout.core import Ensure, Health, Phase, RolloutState, SetWeight, Shadow, wanted
from airflow_mlops.rollout.targets.base import Target

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What the target answered: the health of the ``champion`` where a canary needs it, and of a version that
    ``failed``.
    """

    champion: Health | None = None
    failed: Health | None = None


class TargetMoves:
    """The moves of rollouts at ``target``, in absolute terms: a repeated one changes nothing."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def make(self, state: RolloutState) -> Moved:
        """Do what the state asks of the target."""
        ready, champion, failed = True, None, None
        for action in wanted(state):
            if isinstance(action, Ensure):
                health = self._target.ensure(action.version, action.model_uri, action.digest)
                if action.version != state.plan.champion_version:
                    ready = health.status == "ok" and ready
                    failed = health if health.status == "failed" else None
                elif _needs_champion(state):
                    champion, ready = health, health.status == "ok" and ready
            elif isinstance(action, SetWeight) and (ready or action.percent == 0):
                self._target.set_weight(action.version, action.champion, action.percent)
            elif isinstance(action, SetWeight) and champion is not None and champion.status == "failed":
                self._hold_weight(action)
            elif isinstance(action, Shadow) and ready:
                self._target.shadow(action.version, action.champion)
        return Moved(champion=champion, failed=failed)

    def _hold_weight(self, action: SetWeight) -> None:
        """Keep what a version has while its champion cannot answer: its callers have nobody else."""
        try:
            self._target.set_weight(action.version, action.champion, action.percent)
        except BackendError as error:
            _LOG.warning("the traffic stays as it is while the champion does not load: %s", error)


def _needs_champion(state: RolloutState) -> bool:
    """Whether a champion that does not load matters: it holds up no roll back, and no version after it."""
    return bool(state.plan.steps) and state.phase not in (Phase.ROLLING_BACK, Phase.PROMOTING)
