"""Who gets which share of the traffic. Pure: a frozen value and what changes it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeGuard

from airflow_mlops.core.errors import ConfigError, RolloutConflict

MAX_LEASE_S: Final = 86_400.0


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

    @property
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
        sharing = [version for version, percent in self.weights.items() if percent]
        if self.champion is not None and sum(self.weights.values()) < 100:
            sharing.append(self.champion)
        if self.shadow is not None:
            sharing.append(self.shadow)
        return self.epoch if all(version in ready for version in sharing) else 0

    def expired(self, steady: float) -> bool:
        """Whether the lease ran out while a canary still has traffic or copies of it."""
        busy = any(self.weights.values()) or self.shadow is not None
        return self.lease_ends is not None and steady >= self.lease_ends and busy

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

    def since_start(self, now: Moment) -> Traffic:
        """Return the split as a server starts with it: after a reboot the steady clock begins again."""
        stale = self.boot != now.boot or self.lease_ends is None
        return self.renew(self.lease_s, now) if self.lease_s is not None and stale else self

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
        return replace(split, generation=change.generation).renew(change.lease_s, now)

    def _split(
        self, champion: int | None, weights: Mapping[int, int], shadow: int | None, now: float
    ) -> Traffic:
        epoch = max(self.epoch + 1, int(now * 1000))
        return replace(self, champion=champion, weights=dict(weights), shadow=shadow, epoch=epoch)


@dataclass(frozen=True, kw_only=True)
class Change:
    """An order for absolute weights."""

    champion: int | None
    weights: Mapping[int, int]
    generation: int
    lease_s: float | None
    shadow: int | None = None

    @classmethod
    def from_json(cls, body: Any) -> Change:
        """Read an order; raises ConfigError naming what is wrong with it."""
        if not isinstance(body, dict):
            raise ConfigError("expected a JSON object with weights, champion, generation and lease_s")
        weights = body.get("weights")
        if not isinstance(weights, dict) or not all(str(v).isdecimal() for v in weights):
            raise ConfigError(f'weights must map versions to percents, such as {{"3": 25}}, got {weights!r}')
        if not all(_is_int(p) and 0 <= p <= 100 for p in weights.values()) or sum(weights.values()) > 100:
            raise ConfigError(f"weights must be whole percents from 0 to 100, in sum at most 100: {weights}")
        champion, generation = body.get("champion"), body.get("generation")
        if champion is not None and not _is_int(champion):
            raise ConfigError(f"champion must be a version number or null, got {champion!r}")
        if not _is_int(generation) or generation < 0:
            raise ConfigError(f"generation must be a whole number >= 0, got {generation!r}")
        if champion is not None and str(champion) in weights:
            raise ConfigError(f"version {champion} is the champion: it gets the rest, not a weight")
        numbers = {int(v): p for v, p in weights.items()}
        return cls(
            champion=champion,
            weights=numbers,
            generation=generation,
            lease_s=lease_seconds(body.get("lease_s")),
            shadow=_shadow(body.get("shadow"), champion, numbers),
        )


def _shadow(value: Any, champion: int | None, weights: Mapping[int, int]) -> int | None:
    if value is None:
        return None
    if champion is None or not _is_int(value) or list(weights.items()) != [(value, 0)]:
        raise ConfigError(
            f"shadow must be the only version in weights, with 0 percent, beside a champion; got {value!r}"
        )
    return value


def lease_seconds(value: Any) -> float | None:
    """Return a lease in seconds, None for one without end; raises ConfigError for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_LEASE_S:
        raise ConfigError(
            f"lease_s must be seconds above 0 and up to {MAX_LEASE_S:g}, or null; got {value!r}"
        )
    return float(value)


def _is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
