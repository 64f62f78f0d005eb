"""A rollout with random requests in place of a target; state machine and evidence are the real ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from airflow_mlops.core.canary_defaults import LEASE_S
from airflow_mlops.rollout.core.faults import RequestModel, inject_fault
from airflow_mlops.rollout.core.labels_to_come import LabelsToCome, SimulatedLabels
from airflow_mlops.rollout.core.machine import advance
from airflow_mlops.rollout.core.observation import Counts, EpochCounts, Health, Observation
from airflow_mlops.rollout.core.state import Phase, RolloutPlan, RolloutState, new_state
from airflow_mlops.rollout.core.tolerance import expected_alone

_MOST_POLLS: Final = 4000
_OUTAGE_S: Final = 3600.0
"""How long a server keeps a canary's traffic without renewal: the lease that targets request."""
_POLLS_BEFORE_OUTAGE: Final = 5
"""Polls with canary traffic before the outage begins."""


@dataclass(frozen=True, kw_only=True)
class SimulatedRollout:
    """The last state of a simulated rollout, and the (second, text) of each event of an outage."""

    state: RolloutState
    events: tuple[tuple[float, str], ...] = ()


def simulate(
    plan: RolloutPlan,
    *,
    fault: str,
    rps: float,
    error_rate: float,
    poll_s: float,
    seed: int = 7,
    labels: LabelsToCome | None = None,
) -> SimulatedRollout:
    """Simulate a rollout until it has ended, or is PAUSED for a person.

    ``rps`` are requests per second, ``error_rate`` the champion's share of failures, ``poll_s`` seconds
    between two polls. ``labels`` says how labels come; by default each answer gets its label at once. Raises
    ConfigError for an unknown ``fault``.
    """
    champion = RequestModel(failing=error_rate)
    canary = inject_fault(champion, fault)
    rng, now = np.random.default_rng(seed), 0.0
    state = new_state(replace(plan, champion_version=plan.champion_version or 0), now)
    alone = expected_alone(rps, error_rate)
    longest = (plan.step_timeout_s * (len(plan.steps) + 2) + plan.shadow_s) or 1.0
    tick = max(poll_s, longest / _MOST_POLLS)
    counts: dict[int, tuple[Counts, Counts, Counts]] = {}
    outage, coming = _Outage(fault), SimulatedLabels(labels or LabelsToCome())
    while not (state.terminal or state.phase is Phase.PAUSED or state.needs_registry):
        if not outage.active(state, now):
            seen = replace(_observe(state, counts, canary, coming, now), alone=alone)
            state, _ = advance(state, seen, now)
        served = outage.served(now, tick)
        now += tick
        if canary.traffic and (state.phase is Phase.STEP or state.shadows):
            sizes = _count_requests(rng, state, counts, (canary, champion), rps * served)
            sides = ((sizes[0], canary.wrong), (sizes[1], champion.wrong))
            coming.answered(rng, state.percent, now - tick, now, sides)
    return SimulatedRollout(state=state, events=tuple(outage.events))


class _Outage:
    """An hour without controller or server, if the fault is one."""

    def __init__(self, fault: str) -> None:
        self._who = fault.removeprefix("dead-") if fault.startswith("dead-") else None
        self._polls = 0
        self._began: float | None = None
        self.events: list[tuple[float, str]] = []

    def active(self, state: RolloutState, now: float) -> bool:
        """Whether the target cannot be observed now; begins and ends the outage."""
        if self._who is None:
            return False
        if self._began is None:
            self._polls += state.settled and state.phase in (Phase.STEP, Phase.SHADOW)
            if self._polls > _POLLS_BEFORE_OUTAGE:
                self._began = now
                self.events += _OUTAGE_EVENTS[self._who](now)
        elif now - self._began >= _OUTAGE_S:
            self._who = None
        return self._who is not None and self._began is not None

    def served(self, now: float, tick: float) -> float:
        """Return for how many of the next ``tick`` seconds requests are split and counted."""
        if self._who is None or self._began is None:
            return tick
        lasts = LEASE_S if self._who == "controller" else 0.0
        return min(tick, max(0.0, self._began + lasts - now))


def _controller_died(now: float) -> list[tuple[float, str]]:
    return [
        (now, "the controller dies; the server keeps splitting the traffic"),
        (now + LEASE_S, "the lease was not renewed: the server sends all traffic to the champion"),
        (
            now + _OUTAGE_S,
            "a new controller resumes: same step, same evidence; unobserved time does not count",
        ),
    ]


def _server_died(now: float) -> list[tuple[float, str]]:
    return [
        (now, "the model server dies: requests fail, nothing is counted, polling fails"),
        (now + _OUTAGE_S, "the server is back with the champion; the controller sets the weight again"),
    ]


_OUTAGE_EVENTS: Final = {"controller": _controller_died, "server": _server_died}


def _observe(
    state: RolloutState,
    counts: Mapping[int, tuple[Counts, Counts, Counts]],
    canary: RequestModel,
    coming: SimulatedLabels,
    now: float,
) -> Observation:
    through = {epoch.epoch: epoch.labels.through for epoch in state.epochs if epoch.labels}
    epochs = []
    for key, (*sides, both) in sorted(counts.items()):
        labelled = []
        for side, found in enumerate(sides):
            rows, n, wrong = coming.seen(key, side, now, through.get(key, 0.0))
            labelled.append(replace(found, labelled=n, wrong=wrong, labels=rows))
        epochs.append(EpochCounts(key, key, labelled[0], labelled[1], None if key else both))
    return Observation(
        health=Health("ok") if canary.loads else Health("failed", "simulated"),
        percent=state.percent,
        champion=state.plan.champion_version,
        epoch=0,
        epochs=tuple(epochs),
        shadow=state.plan.model_version if state.shadows else None,
    )


def _count_requests(
    rng: np.random.Generator,
    state: RolloutState,
    counts: dict[int, tuple[Counts, Counts, Counts]],
    worlds: tuple[RequestModel, RequestModel],
    expected: float,
) -> tuple[int, int]:
    requests, percent = int(rng.poisson(expected)), state.percent
    ours = requests if state.shadows else int(rng.binomial(requests, percent / 100))
    theirs = requests if state.shadows else requests - ours
    drawn = (_draw(rng, worlds[0], ours), _draw(rng, worlds[1], theirs), Counts())
    before = counts.get(percent, (Counts(), Counts(), Counts()))
    counts[percent] = (before[0] + drawn[0], before[1] + drawn[1], before[2] + drawn[2])
    return ours, theirs


def _draw(rng: np.random.Generator, world: RequestModel, n: int) -> Counts:
    failures, slow = (int(rng.binomial(n, p)) for p in (world.failing, world.slow))
    moved = 0.1 * world.shifted
    deciles = rng.multinomial(n, [0.1 + moved] * 5 + [0.1 - moved] * 5)
    return Counts(n, failures, n, slow, deciles=tuple(int(d) for d in deciles))
