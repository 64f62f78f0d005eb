"""What a state requires of the target, in absolute terms, so that repeating a request changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_mlops.rollout.core.state import Phase, RolloutState


@dataclass(frozen=True)
class Ensure:
    """The target should have this version loaded; ``digest`` names its model, empty: not known."""

    version: int
    model_uri: str
    digest: str = ""


@dataclass(frozen=True)
class SetWeight:
    """The target should send ``percent`` of the traffic to ``version`` and the rest to ``champion``."""

    version: int
    champion: int | None
    percent: int


@dataclass(frozen=True)
class Shadow:
    """The target should have ``version`` answer a copy of every request of ``champion``, unseen."""

    version: int
    champion: int


Action = Ensure | SetWeight | Shadow


def wanted(state: RolloutState) -> tuple[Action, ...]:
    """Return what a state requires of the target, in the order in which it must be done."""
    plan = state.plan
    if state.terminal or state.phase is Phase.PENDING:
        return ()
    ensure_champion: tuple[Action, ...] = ()
    if plan.champion_version is not None and plan.champion_uri is not None:
        ensure_champion = (Ensure(plan.champion_version, plan.champion_uri, state.champion_digest),)
    ensure = (*ensure_champion, Ensure(plan.model_version, plan.model_uri, state.digest))
    weight = SetWeight(plan.model_version, plan.champion_version, state.percent)
    if state.phase is Phase.WARMING:
        return ensure
    if state.phase is Phase.ROLLING_BACK:
        return (*ensure_champion, weight)
    if state.shadows and plan.champion_version is not None:
        return (*ensure, Shadow(plan.model_version, plan.champion_version))
    return (*ensure, weight)
