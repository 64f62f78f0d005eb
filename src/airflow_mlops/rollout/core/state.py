"""The plan and the state of one rollout: frozen, and stored as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from airflow_mlops.core import canary_defaults
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Record, RolloutResult
from airflow_mlops.rollout.core.guards import GuardPlan
from airflow_mlops.rollout.core.observation import EpochCounts


class Phase(StrEnum):
    """Where a rollout stands."""

    PENDING = "PENDING"
    WARMING = "WARMING"
    SHADOW = "SHADOW"
    STEP = "STEP"
    PAUSED = "PAUSED"
    PROMOTING = "PROMOTING"
    PROMOTED = "PROMOTED"
    ROLLING_BACK = "ROLLING_BACK"
    ROLLED_BACK = "ROLLED_BACK"
    CONFLICT = "CONFLICT"
    SUPERSEDED = "SUPERSEDED"


TERMINAL: Final = frozenset({Phase.PROMOTED, Phase.ROLLED_BACK, Phase.CONFLICT, Phase.SUPERSEDED})
SHADOW_STEP: Final = -1
_LATER: Final = ("settle_s", "model")


@dataclass(frozen=True, kw_only=True)
class RolloutPlan(Record):
    """How one version is to take over from the champion.

    ``champion_version`` is the champion when the rollout was planned, None for the very first version.
    ``steps`` are the canary's percents of traffic, ascending; empty means: straight to all traffic once
    healthy. ``hold_s`` and ``step_timeout_s`` are the shortest and longest time of a step in seconds,
    ``min_requests`` the canary requests that it needs. ``alpha`` limits false rollbacks; a step passes on
    evidence that the failure ratio is below ``max_ratio`` or that the rate is below ``tolerance``; None is
    measured of the champion when the rollout begins, and kept in the plan of its state.
    ``on_inconclusive`` (``pause``, ``promote``, ``rollback``) is for a step that runs out of time;
    ``pause_timeout_s`` (seconds) is how long a pause waits for a person before it is rolled back.
    ``gap_s`` is the most that one look adds to the time of a step, in seconds: time in which nobody looked
    does not count, nor does a clock that jumps.
    ``settle_s`` (seconds) is how long the version has traffic before its latency is judged.
    ``guards`` are watched beside the errors; ``shadow_s`` (seconds, 0: none) is how long the version answers
    copies of all requests before anybody sees it.
    ``request`` tells two rollouts of the same version apart, such as two deployments ordered by hand; it
    is empty for a version that came by itself. ``model`` is the digest of its model where an earlier rollout
    of another model had the same plan, else empty.
    """

    name: str
    model_version: int
    model_uri: str
    champion_version: int | None = None
    steps: tuple[int, ...] = canary_defaults.STEPS
    hold_s: float = canary_defaults.HOLD.total_seconds()
    step_timeout_s: float = canary_defaults.STEP_TIMEOUT.total_seconds()
    min_requests: int = canary_defaults.MIN_REQUESTS
    alpha: float = canary_defaults.ALPHA
    max_ratio: float = canary_defaults.MAX_RATIO
    tolerance: float | None = canary_defaults.TOLERANCE
    on_inconclusive: str = canary_defaults.ON_INCONCLUSIVE
    request: str = ""
    guards: tuple[GuardPlan, ...] = ()
    shadow_s: float = 0.0
    pause_timeout_s: float = canary_defaults.PAUSE_TIMEOUT.total_seconds()
    gap_s: float = canary_defaults.LEASE_S
    settle_s: float = 0.0
    model: str = ""

    def __post_init__(self) -> None:
        if self.model_version == self.champion_version:
            raise ConfigError(
                f"version {self.model_version} of {self.name} is the champion already: nothing to roll out"
            )
        if list(self.steps) != sorted(set(self.steps)) or any(not 0 < s < 100 for s in self.steps):
            raise ConfigError(f"steps must be ascending percents between 1 and 99, got {list(self.steps)}")
        if self.on_inconclusive not in ("pause", "promote", "rollback"):
            raise ConfigError(
                f"on_inconclusive must be pause, promote or rollback, got {self.on_inconclusive!r}"
            )
        if len({guard.name for guard in self.guards}) != len(self.guards):
            raise ConfigError(f"each guard can be on once, got {[guard.name for guard in self.guards]}")

    @property
    def goes_back(self) -> bool:
        """Whether this makes an older version champion again at once, without a canary."""
        return not self.steps and self.champion_version is not None

    @property
    def champion_uri(self) -> str | None:
        """The MLflow URI of the champion on record."""
        return None if self.champion_version is None else f"models:/{self.name}/{self.champion_version}"


def rollout_id(plan: RolloutPlan) -> str:
    """Return the name of the rollout of ``plan``: the same plan always finds the same rollout."""
    # A plan that an earlier release stored, which knew no such fields, keeps its name.
    fields = {key: value for key, value in plan.to_json().items() if key not in _LATER or value}
    canonical = json.dumps(fields, sort_keys=True)
    return f"{plan.name}-{plan.model_version}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


def rollback_to(
    name: str, version: int, *, champion: int, request: str, model_uri: str | None = None
) -> RolloutPlan:
    """Return the plan that makes an older version champion again at once: no canary, traffic first.

    ``request`` names what asked for it (a DAG run, a person's click), so that going back twice works.
    """
    uri = model_uri or f"models:/{name}/{version}"
    return RolloutPlan(
        name=name, model_version=version, model_uri=uri, champion_version=champion, steps=(), request=request
    )


@dataclass(frozen=True, kw_only=True)
class Transition:
    """One change of phase: who (a person, ``guard``, ``controller``), when (epoch seconds), why."""

    at: float
    who: str
    source: str
    to: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RolloutState(Record):
    """Everything that decides what happens next in a rollout.

    ``settled``: the traffic that the phase asks for was read back from the target. ``moving``: the
    aliases have begun to move, from here a promotion only goes forward. ``since``: the target's weight
    epoch before the rollout. ``outcome``: the phase in which a roll back ends. ``step`` is -1 while the
    version only shadows. ``accepted``: guards that a person saw and went on in spite of. ``reference``:
    what the target measured of the champion for its guards. ``watched``: seconds of the phase (of a step:
    since its traffic was read back) that somebody looked on, ``looked``: the clock at the last look,
    ``fresh``: ``watched`` when a request was last counted. ``verified``: the registry has all that the
    promotion needs; before that the canary keeps the share of its last step. ``cold``: what was counted
    while the version settled, None until it has. ``rejected``: the version was taken back because of what it
    did. ``digest`` names its model, ``champion_digest`` that of the champion; empty when that is not known.
    """

    id: str
    plan: RolloutPlan
    phase: Phase = Phase.PENDING
    step: int = 0
    settled: bool = False
    moving: bool = False
    verified: bool = False
    since: int | None = None
    entered: float = 0.0
    watched: float = 0.0
    looked: float | None = None
    fresh: float = 0.0
    epochs: tuple[EpochCounts, ...] = ()
    outcome: Phase = Phase.ROLLED_BACK
    reason: str = ""
    history: tuple[Transition, ...] = ()
    accepted: tuple[str, ...] = ()
    reference: Mapping[str, Any] = field(default_factory=dict)
    cold: tuple[EpochCounts, ...] | None = None
    rejected: bool = False
    digest: str = ""
    champion_digest: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "phase", Phase(self.phase))
        object.__setattr__(self, "outcome", Phase(self.outcome))

    @property
    def terminal(self) -> bool:
        """Whether the rollout has ended."""
        return self.phase in TERMINAL

    @property
    def needs_registry(self) -> bool:
        """Whether nothing goes on without the registry: before all traffic moves, and after it has moved."""
        if self.phase is Phase.PROMOTING and not self.may_take_all:
            return True
        return self.settled and self.phase in (Phase.PROMOTING, Phase.ROLLING_BACK)

    @property
    def may_take_all(self) -> bool:
        """Whether a promotion may give all traffic to the version: the registry is known to follow."""
        return self.verified or self.moving

    @property
    def percent(self) -> int:
        """The canary's share of the traffic that this state asks for."""
        if self.phase in (Phase.STEP, Phase.PAUSED):
            return self._step_percent
        if self.phase is Phase.PROMOTING and not self.may_take_all:
            return self._step_percent if self.plan.champion_version is not None else 0
        return 100 if self.phase in (Phase.PROMOTING, Phase.PROMOTED) else 0

    @property
    def _step_percent(self) -> int:
        return 0 if self.step == SHADOW_STEP or not self.plan.steps else self.plan.steps[self.step]

    @property
    def step_requests(self) -> int:
        """Canary requests counted at the present share of the traffic.

        Steps ascend strictly, so the percent names the step; 0 is the shadow.
        """
        return sum(epoch.canary.requests for epoch in self.epochs if epoch.percent == self.percent)

    @property
    def judged(self) -> tuple[EpochCounts, ...]:
        """The counts that are judged: all but the latency of the time in which the version settled."""
        if not self.plan.settle_s:
            return self.epochs
        if self.cold is None:
            return tuple(epoch.without_latency_of(epoch) for epoch in self.epochs)
        cold = {epoch.epoch: epoch for epoch in self.cold}
        return tuple(
            epoch.without_latency_of(cold[epoch.epoch]) if epoch.epoch in cold else epoch
            for epoch in self.epochs
        )

    @property
    def shadows(self) -> bool:
        """Whether the version should answer copies of the requests."""
        return self.phase in (Phase.SHADOW, Phase.PAUSED) and self.step == SHADOW_STEP

    @property
    def label(self) -> str:
        """The phase for people, such as ``STEP 2/3 (25 %)``."""
        if self.phase is not Phase.STEP:
            return str(self.phase)
        return f"STEP {self.step + 1}/{len(self.plan.steps)} ({self.percent} %)"


def new_state(plan: RolloutPlan, now: float, who: str = "controller") -> RolloutState:
    """Return the first state of a rollout; ``now`` in epoch seconds."""
    first = Transition(at=now, who=who, source="", to=Phase.PENDING, reason="rollout requested")
    return RolloutState(id=rollout_id(plan), plan=plan, entered=now, history=(first,))


def result(state: RolloutState) -> RolloutResult:
    """Return the record that a rollout leaves behind."""
    document = state.to_json()
    evidence = next((t.evidence for t in reversed(state.history) if t.evidence), {})
    return RolloutResult(
        rollout_id=state.id,
        name=state.plan.name,
        model_version=state.plan.model_version,
        champion_version=state.plan.champion_version,
        outcome=str(state.phase),
        reason=state.reason,
        evidence=evidence,
        history=tuple(document["history"]),
    )
