"""A rollout on a target that exists only as chances: the real state machine, the real judge. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.rollout.machine import advance
from airflow_mlops.core.rollout.observation import Counts, EpochCounts, Health, Observation
from airflow_mlops.core.rollout.state import Phase, RolloutPlan, RolloutState, new_state

_LOOKS: Final = 4000


@dataclass(frozen=True, kw_only=True)
class World:
    """What requests meet, shares within 0 and 1: of failures, of slow answers, of wrong predictions.

    ``shifted`` moves that share of the scores from the upper half of the deciles to the lower one.
    """

    failing: float
    slow: float = 0.05
    wrong: float = 0.1
    shifted: float = 0.0
    loads: bool = True
    traffic: bool = True


_FAULTS: Final[Mapping[str, str]] = {
    "none": "the version equals the champion",
    "errors": "the version fails three times as often as the champion, and at least 2 % more",
    "latency": "the version is slower than the champion's 95th percentile four times as often",
    "quality": "the version is wrong 1.5 times as often",
    "shift": "four in five of the version's upper scores fall into the lower deciles",
    "no-traffic": "nobody calls",
    "no-load": "the version does not load",
}
FAULTS: Final = tuple(_FAULTS)


def simulate(
    plan: RolloutPlan, *, fault: str, rps: float, error_rate: float, poll_s: float, seed: int = 7
) -> RolloutState:
    """Live through a rollout and return the state that it ends in (terminal, or PAUSED for a person).

    ``rps`` are requests per second, ``error_rate`` the champion's share of failures, ``poll_s`` seconds
    between two looks. Labels come at once. Raises ConfigError for an unknown ``fault``.
    """
    champion = World(failing=error_rate)
    canary = _with_fault(champion, fault)
    rng, now = np.random.default_rng(seed), 0.0
    state = new_state(replace(plan, champion_version=plan.champion_version or 0), now)
    longest = (plan.step_timeout_s * (len(plan.steps) + 2) + plan.shadow_s) or 1.0
    tick = max(poll_s, longest / _LOOKS)
    counts: dict[int, tuple[Counts, Counts, Counts]] = {}
    while not (state.terminal or state.phase is Phase.PAUSED or state.needs_registry):
        seen = _look(state, counts, canary)
        state, _ = advance(state, seen, now)
        now += tick
        if canary.traffic and (state.phase is Phase.STEP or state.shadows):
            _serve(rng, state, counts, (canary, champion), rps * tick)
    return state


def _with_fault(world: World, fault: str) -> World:
    changes: Mapping[str, World] = {
        "none": world,
        "errors": replace(world, failing=min(1.0, max(3 * world.failing, world.failing + 0.02))),
        "latency": replace(world, slow=4 * world.slow),
        "quality": replace(world, wrong=1.5 * world.wrong),
        "shift": replace(world, shifted=0.8),
        "no-traffic": replace(world, traffic=False),
        "no-load": replace(world, loads=False),
    }
    if fault not in changes:
        raise ConfigError(f"unknown fault {fault!r}; known: {', '.join(FAULTS)}")
    return changes[fault]


def fault_in_words(fault: str) -> str:
    """Return what a fault of ``FAULTS`` means."""
    return _FAULTS[fault]


def _look(
    state: RolloutState, counts: Mapping[int, tuple[Counts, Counts, Counts]], canary: World
) -> Observation:
    epochs = tuple(
        EpochCounts(key, key, ours, theirs, None if key else both)
        for key, (ours, theirs, both) in sorted(counts.items())
    )
    return Observation(
        health=Health("ok") if canary.loads else Health("failed", "simulated"),
        percent=state.percent,
        champion=state.plan.champion_version,
        epoch=0,
        epochs=epochs,
        shadow=state.plan.model_version if state.shadows else None,
    )


def _serve(
    rng: np.random.Generator,
    state: RolloutState,
    counts: dict[int, tuple[Counts, Counts, Counts]],
    worlds: tuple[World, World],
    expected: float,
) -> None:
    requests, percent = int(rng.poisson(expected)), state.percent
    ours = requests if state.shadows else int(rng.binomial(requests, percent / 100))
    theirs = requests if state.shadows else requests - ours
    drawn = (_draw(rng, worlds[0], ours), _draw(rng, worlds[1], theirs), Counts())
    before = counts.get(percent, (Counts(), Counts(), Counts()))
    counts[percent] = (before[0] + drawn[0], before[1] + drawn[1], before[2] + drawn[2])


def _draw(rng: np.random.Generator, world: World, n: int) -> Counts:
    failures, slow, wrong = (int(rng.binomial(n, p)) for p in (world.failing, world.slow, world.wrong))
    moved = 0.1 * world.shifted
    deciles = rng.multinomial(n, [0.1 + moved] * 5 + [0.1 - moved] * 5)
    return Counts(n, failures, n, slow, n, wrong, tuple(int(d) for d in deciles))
