"""A rollout on a target that exists only as chances: the real state machine, the real judge. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from airflow_mlops.rollout.core.faults import World, with_fault
from airflow_mlops.rollout.core.machine import advance
from airflow_mlops.rollout.core.observation import Counts, EpochCounts, Health, Observation
from airflow_mlops.rollout.core.state import Phase, RolloutPlan, RolloutState, new_state

_LOOKS: Final = 4000
_OUTAGE_S: Final = 3600.0
_LEASE_S: Final = 120.0
"""How long a server keeps a canary's traffic when nobody renews it: what the targets ask for."""
_BEFORE: Final = 5
"""Looks at the first canary traffic before something dies."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """A rollout that was lived through: how it stands, and what happened around it, in seconds."""

    state: RolloutState
    events: tuple[tuple[float, str], ...] = ()


def simulate(
    plan: RolloutPlan, *, fault: str, rps: float, error_rate: float, poll_s: float, seed: int = 7
) -> Story:
    """Live through a rollout until it has ended, or is PAUSED for a person.

    ``rps`` are requests per second, ``error_rate`` the champion's share of failures, ``poll_s`` seconds
    between two looks. Labels come at once. Raises ConfigError for an unknown ``fault``.
    """
    champion = World(failing=error_rate)
    canary = with_fault(champion, fault)
    rng, now = np.random.default_rng(seed), 0.0
    state = new_state(replace(plan, champion_version=plan.champion_version or 0), now)
    longest = (plan.step_timeout_s * (len(plan.steps) + 2) + plan.shadow_s) or 1.0
    tick = max(poll_s, longest / _LOOKS)
    counts: dict[int, tuple[Counts, Counts, Counts]] = {}
    outage = _Outage(fault)
    while not (state.terminal or state.phase is Phase.PAUSED or state.needs_registry):
        if not outage.on(state, now):
            seen = _look(state, counts, canary)
            state, _ = advance(state, seen, now)
        served = outage.served(now, tick)
        now += tick
        if canary.traffic and (state.phase is Phase.STEP or state.shadows):
            _serve(rng, state, counts, (canary, champion), rps * served)
    return Story(state=state, events=tuple(outage.events))


class _Outage:
    """An hour without controller or server, if the fault is one."""

    def __init__(self, fault: str) -> None:
        self._who = fault.removeprefix("dead-") if fault.startswith("dead-") else None
        self._looks = 0
        self._began: float | None = None
        self.events: list[tuple[float, str]] = []

    def on(self, state: RolloutState, now: float) -> bool:
        """Whether nobody looks at this moment; begins and ends the outage."""
        if self._who is None:
            return False
        if self._began is None:
            self._looks += state.settled and state.phase in (Phase.STEP, Phase.SHADOW)
            if self._looks > _BEFORE:
                self._began = now
                self.events += _TOLD[self._who](now)
        elif now - self._began >= _OUTAGE_S:
            self._who = None
        return self._who is not None and self._began is not None

    def served(self, now: float, tick: float) -> float:
        """Return for how many of the next ``tick`` seconds requests are split and counted."""
        if self._who is None or self._began is None:
            return tick
        lasts = _LEASE_S if self._who == "controller" else 0.0
        return min(tick, max(0.0, self._began + lasts - now))


def _controller_died(now: float) -> list[tuple[float, str]]:
    return [
        (now, "the controller dies; the server goes on splitting"),
        (now + _LEASE_S, "nobody renewed the lease: the server gives all traffic to the champion"),
        (now + _OUTAGE_S, "a controller goes on: same step, same evidence; time unwatched does not count"),
    ]


def _server_died(now: float) -> list[tuple[float, str]]:
    return [
        (now, "the model server dies: nobody is served, nothing is counted, no look succeeds"),
        (now + _OUTAGE_S, "the server is back with the champion; the controller sets the weight again"),
    ]


_TOLD: Final = {"controller": _controller_died, "server": _server_died}


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
