"""What the guards of a canary count: events of single requests, against what the champion did before.

The reference is frozen once per canary, so that both versions are measured with the same rule: slower than
the champion's 95th percentile, in which of the champion's deciles the score lies, wrong or not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

SAMPLE: Final = 1000
ENOUGH: Final = 200


@dataclass(frozen=True)
class Seen:
    """How one version answered one request; ``seconds`` is its own time, ``score`` that of the first row."""

    failed: bool
    seconds: float
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What ``requests`` of the champion's answers were like when the canary began.

    ``latency_s`` is the 95th percentile in seconds, ``deciles`` the nine cuts of the scores (None without).
    """

    champion: int
    canary: int
    requests: int
    latency_s: float
    deciles: tuple[float, ...] | None


class Recent:
    """The champion's latest answers, from which a reference is frozen."""

    def __init__(self) -> None:
        self._champion: int | None = None
        self._latest: deque[Seen] = deque(maxlen=SAMPLE)

    def add(self, champion: int, seen: Seen) -> None:
        """Remember an answer; a new champion starts from zero."""
        if champion != self._champion:
            self._champion = champion
            self._latest.clear()
        self._latest.append(seen)

    def freeze(self, champion: int, canary: int) -> Reference | None:
        """Return the reference for a canary, None while the champion has answered too little."""
        if champion != self._champion or len(self._latest) < ENOUGH:
            return None
        scores = [seen.score for seen in self._latest if seen.score is not None]
        return Reference(
            champion=champion,
            canary=canary,
            requests=len(self._latest),
            latency_s=quantiles((seen.seconds for seen in self._latest), n=20, method="inclusive")[-1],
            deciles=tuple(quantiles(scores, n=10, method="inclusive")) if len(scores) >= ENOUGH else None,
        )


def events_of(seen: Seen, reference: Reference | None) -> Iterator[str]:
    """Yield the events that one answer counts for."""
    yield "requests"
    if seen.failed:
        yield "failures"
    if reference is None:
        return
    yield "timed"
    if seen.seconds > reference.latency_s:
        yield "slow"
    if seen.score is not None and reference.deciles is not None:
        yield f"decile_{bisect_right(reference.deciles, seen.score)}"


def label_events(wrong: Mapping[int, bool | None], *, paired: bool) -> Iterator[tuple[int, str]]:
    """Yield (version, event) for a labelled request; ``wrong`` by version, version 0 for both of a pair.

    A pair counts only when both versions have an answer to compare.
    """
    known = {version: value for version, value in wrong.items() if value is not None}
    if len(known) < (2 if paired else 1):
        return
    for version, value in known.items():
        yield version, "labelled"
        if value:
            yield version, "wrong"
    if paired and all(known.values()):
        yield BOTH, "wrong"


BOTH: Final = 0
