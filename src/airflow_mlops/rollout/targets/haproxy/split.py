"""A split of traffic between two slots: what it began with, how it ended, what it counts for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_mlops.rollout.core import Counts, EpochCounts

ENOUGH: Final = 200
_QUANTILE: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One slot at one moment: its server's weight epoch, and counters that only grow.

    ``downs`` and ``unserved`` are HAProxy's, ``latency`` the server's answers that took
    at most so many seconds.
    """

    epoch: int
    downs: int
    unserved: int
    latency: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Split:
    """One split: ``percent`` to ``version`` in the slot ``canary_slot``, the rest to ``champion``.

    ``number`` rises from split to split. The slots' readings at the beginning and, once it is over, at the
    end are None for a slot that was not there. ``limit`` is what counts as slow (one of the server's
    latency limits, in seconds), None while the champion has answered too little to say.
    """

    number: int = 0
    version: int
    champion: int | None = None
    percent: int
    canary_slot: str | None = None
    champion_slot: str | None = None
    canary: Reading | None = None
    champion_: Reading | None = None
    limit: str | None = None
    canary_end: Reading | None = None
    champion_end: Reading | None = None
    ended: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Split:
        """Build the split from its fields that went through JSON."""
        names = ("canary", "champion_", "canary_end", "champion_end")
        readings = {name: Reading(**data[name]) if data[name] else None for name in names}
        return cls(**{**data, **readings})


def latest(splits: list[Split]) -> Split | None:
    """Return the newest split of which an end is not known to have come later."""
    return max(splits, key=lambda split: (split.number, split.ended), default=None)


def by_number(splits: list[Split]) -> list[Split]:
    """Return each split once, as it was last remembered, oldest first."""
    ordered = sorted(splits, key=lambda split: (split.number, split.ended))
    return list({split.number: split for split in ordered}.values())


def went_down(begin: Reading | None, now: Reading | None) -> int:
    """Return how often a slot went down since ``begin``; 0 when its server changed its split by itself.

    A server whose lease ran out refuses its checks as well: that is the controller's absence, not its death.
    """
    if begin is None or now is None or begin.epoch != now.epoch:
        return 0
    return max(0, now.downs - begin.downs)


def undisturbed(split: Split, canary: Reading | None, champion: Reading | None) -> bool:
    """Say whether both slots got their share from the beginning to these readings."""
    slots = ((split.canary, canary, split.percent), (split.champion_, champion, 100 - split.percent))
    return all(
        begin is None
        or (now is not None and begin.epoch == now.epoch and (not percent or begin.downs == now.downs))
        for begin, now, percent in slots
    )


def epoch_counts(
    split: Split,
    readings: tuple[Reading | None, Reading | None],
    counted: tuple[Counts, Counts],
) -> EpochCounts:
    """Return what a split counts for.

    ``readings`` of canary and champion are of now or of its end, ``counted`` what their servers wrote down.
    A request that a slot refused or cut off was never counted by its server, and is one more failure: in
    its slot a version has no champion beside it that could say whose fault it was. What is slow comes from
    the servers' latency counters, for each against the same limit.
    """
    begins = (split.canary, split.champion_)
    shared = 0 < split.percent < 100
    canary, champion = (
        _counts(server, begin, now, split.limit, shared=shared)
        for server, begin, now in zip(counted, begins, readings, strict=True)
    )
    return EpochCounts(split.number, split.percent, canary, champion)


def _counts(
    server: Counts, begin: Reading | None, now: Reading | None, limit: str | None, *, shared: bool
) -> Counts:
    if begin is None or now is None or not shared:
        return server
    unserved = max(0, now.unserved - begin.unserved)
    timed, slow = _slow(begin.latency, now.latency, limit)
    return server + Counts(requests=unserved, failures=unserved, timed=timed, slow=slow)


def _slow(begin: Mapping[str, int], now: Mapping[str, int], limit: str | None) -> tuple[int, int]:
    if limit is None or limit not in now or (begin and limit not in begin):
        return 0, 0
    # A server that has answered nothing yet has no figures: they begin at zero.
    total, fast = now["+Inf"] - begin.get("+Inf", 0), now[limit] - begin.get(limit, 0)
    # A server that was started again counts from nothing.
    return (total, total - fast) if 0 <= fast <= total else (0, 0)


def slow_limit(latency: Mapping[str, int]) -> str | None:
    """Return the smallest limit that 95 % of the answers kept; None for less than 200 answers."""
    total = latency.get("+Inf", 0)
    if total < ENOUGH:
        return None
    kept = (limit for limit, count in latency.items() if limit != "+Inf" and count >= _QUANTILE * total)
    return min(kept, key=float, default=None)
