"""Who gets which share of the traffic. Pure: a frozen value and what changes it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, ClassVar, Final, NamedTuple

from msgspec import Meta

from airflow_mlops.core.errors import RolloutConflict
from airflow_mlops.serving.control import Control, ControllerId

MAX_LEASE_S: Final = 86_400.0
LeaseSeconds = Annotated[float, Meta(gt=0, le=MAX_LEASE_S)] | None
"""A lease as a caller sends it; None is one without end."""
_Whole = Annotated[int, Meta(ge=0, le=2**53)]


class Moment(NamedTuple):
    """A time: epoch seconds, which may jump, and seconds of a clock that never jumps, until a reboot."""

    wall: float
    steady: float
    boot: str = ""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """The traffic split of a server.

    ``weights`` maps canary versions to percents, the champion gets the rest. ``epoch`` changes with every
    change of the split and never repeats, even if the state is lost (it starts at the time in ms).
    ``shadow`` is a canary without weight that answers copies of the champion's requests.
    ``lease_ends`` (seconds of the steady clock of ``boot``) is when the canaries lose their traffic unless
    somebody renews it; ``lease_until`` is the same moment as the wall clock showed it, for people.
    ``control`` is the rollout controller whose canary this is.
    """

    champion: int | None = None
    weights: Mapping[int, int] = field(default_factory=dict)
    generation: int = 0
    epoch: int = 0
    lease_s: float | None = None
    lease_until: float | None = None
    lease_ends: float | None = None
    boot: str = ""
    shadow: int | None = None
    control: Control = field(default_factory=Control)

    @cached_property
    def pair(self) -> tuple[int, int] | None:
        """(champion, canary) while there is exactly one canary, with or without weight."""
        if self.champion is None or len(self.weights) != 1:
            return None
        return self.champion, next(iter(self.weights))

    def route(self, ready: Container[int], draw: float) -> int | None:
        """Return the version that answers, for a uniform ``draw`` in [0, 1); None when none is ready.

        >>> traffic = Traffic(champion=1, weights={2: 25})
        >>> [traffic.route({1, 2}, draw) for draw in (0.1, 0.3)], traffic.route({1}, 0.1)
        ([2, 1], 1)
        """
        point = draw * 100
        for version, percent in self.weights.items():
            if point < percent:
                if version in ready:
                    return version
                break
            point -= percent
        if self.champion in ready:
            return self.champion
        return next((v for v, percent in self.weights.items() if percent and v in ready), None)

    def counted_epoch(self, ready: Container[int]) -> int:
        """Return the epoch that an answer counts for, 0 (none) while a version of the split is not ready.

        Its share then goes elsewhere, so that failures would be weighed with shares that nobody got.
        """
        return self.epoch if all(version in ready for version in self._sharing) else 0

    @cached_property
    def _sharing(self) -> list[int]:
        sharing = [version for version, percent in self.weights.items() if percent]
        if self.champion is not None and sum(self.weights.values()) < 100:
            sharing.append(self.champion)
        if self.shadow is not None:
            sharing.append(self.shadow)
        return sharing

    def expired(self, steady: float) -> bool:
        """Whether the lease ran out while a canary still has traffic or copies of it."""
        return self.lease_ends is not None and steady >= self.lease_ends and self.gives

    def lapse(self) -> Traffic:
        """Return the split after the lease ran out: every canary at 0. The same in every process."""
        return self._split(self.champion, dict.fromkeys(self.weights, 0), None, self.lease_until or 0.0)

    def drop_canary(self, version: int, now: float) -> Traffic:
        """Return the split with a canary at 0; unchanged when it has neither traffic nor copies."""
        if not self.weights.get(version) and self.shadow != version:
            return self
        shadow = None if self.shadow == version else self.shadow
        return self._split(self.champion, {**self.weights, version: 0}, shadow, now)

    def renew(self, lease_s: float | None, now: Moment) -> Traffic:
        """Return the same split with a lease of ``lease_s`` seconds from now (None: without end)."""
        if lease_s is None:
            return replace(self, lease_s=None, lease_until=None, lease_ends=None, boot=now.boot)
        until, ends = now.wall + lease_s, now.steady + lease_s
        return replace(self, lease_s=lease_s, lease_until=until, lease_ends=ends, boot=now.boot)

    def ordered_again(self, controller: str, now: Moment) -> Traffic:
        """Return the same split after another order of the controller that it belongs to."""
        if not controller or controller != self.control.controller:
            return self
        control = Control.ordered(
            controller, self.control.place, wall=now.wall, steady=now.steady, lease_s=self.lease_s
        )
        return replace(self, control=control)

    @property
    def gives(self) -> bool:
        """Whether a canary gets traffic or copies of it."""
        return any(self.weights.values()) or self.shadow is not None

    def only_takes(self, before: Traffic) -> bool:
        """Whether canaries get less than ``before`` or nothing, and nothing else changes."""
        return (
            (self.epoch != before.epoch or not self.gives)
            and self.champion == before.champion
            and self.shadow in (None, before.shadow)
            and all(percent <= before.weights.get(v, 0) for v, percent in self.weights.items())
        )

    def since_start(self, now: Moment) -> Traffic:
        """Return the split as a server starts with it: after a reboot the steady clock begins again."""
        stale = self.boot != now.boot or self.lease_ends is None
        renewed = self.renew(self.lease_s, now) if self.lease_s is not None and stale else self
        if self.boot == now.boot:
            return renewed
        return replace(renewed, control=self.control.since_start(now.steady), boot=now.boot)

    def apply(self, change: Change, now: Moment) -> Traffic:
        """Return the split that ``change`` asks for.

        Raises RolloutConflict when the change is older than what is in force.
        """
        asked = (change.champion, change.weights, change.shadow)
        same = asked == (self.champion, dict(self.weights), self.shadow)
        if change.generation < self.generation or (change.generation == self.generation and not same):
            raise RolloutConflict(
                f"traffic is at generation {self.generation}, but the change was made for "
                f"{change.generation}: read /admin/state and decide again"
            )
        split = self if same else self._split(*asked, now.wall)
        renewed = replace(split, generation=change.generation).renew(change.lease_s, now)
        return replace(renewed, control=change.control(now))

    def _split(
        self, champion: int | None, weights: Mapping[int, int], shadow: int | None, now: float
    ) -> Traffic:
        epoch = max(self.epoch + 1, int(now * 1000))
        return replace(self, champion=champion, weights=dict(weights), shadow=shadow, epoch=epoch)


@dataclass(frozen=True, kw_only=True)
class Change:
    """An order for absolute weights, as a caller sends it in JSON.

    ``controller`` and ``place`` are the identity and the place of the rollout store that gives the order;
    ``takeover`` gives it in spite of another controller, when a person says so.
    """

    expected: ClassVar[str] = (
        'such as {"weights": {"3": 25}, "champion": 2, "generation": 7, "lease_s": 60}, '
        "with weights in whole percents from 0 to 100"
    )
    weights: Mapping[_Whole, Annotated[int, Meta(ge=0, le=100)]]
    generation: _Whole
    champion: _Whole | None = None
    lease_s: LeaseSeconds = None
    shadow: _Whole | None = None
    controller: ControllerId = ""
    place: ControllerId = ""
    takeover: bool = False

    def control(self, now: Moment) -> Control:
        """Return who holds the traffic after this order: its controller while there is a canary."""
        if not self.weights:
            return Control()
        return Control.ordered(
            self.controller, self.place, wall=now.wall, steady=now.steady, lease_s=self.lease_s
        )

    def __post_init__(self) -> None:
        if sum(self.weights.values()) > 100:
            raise ValueError(f"weights must be at most 100 in sum, got {dict(self.weights)}")
        if self.champion in self.weights:
            raise ValueError(f"version {self.champion} is the champion: it gets the rest, not a weight")
        if self.shadow is not None and (self.champion is None or self.weights != {self.shadow: 0}):
            raise ValueError(
                "shadow must be the only version in weights, with 0 percent, beside a champion; "
                f"got {self.shadow}"
            )
