"""What the guards of a canary count: events of single requests, against what the champion did before.

Both versions are measured with the same rule. The deciles of the champion's scores are frozen once per
canary. What is slow follows the load: each minute the limit becomes the 95th percentile of the champion's
latest answers, so that it is always known before the answers that are held against it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

import msgspec

SAMPLE: Final = 1000
ENOUGH: Final = 200
RENEW_S: Final = 60.0


class Seen(msgspec.Struct, frozen=True):
    """How one version answered one request; ``seconds`` is its own time, ``score`` that of the first row."""

    failed: bool
    seconds: float
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What ``requests`` of the champion's answers were like when the canary began.

    ``latency_s`` is the 95th percentile in seconds (a worker that has seen enough by itself uses its own,
    anew each minute), ``deciles`` the nine cuts of the scores (None without).
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
        self._limit_s: float | None = None
        self._renew_at = 0.0

    def add(self, champion: int, seen: Seen) -> None:
        """Remember an answer; a new champion starts from zero."""
        if champion != self._champion:
            self._champion = champion
            self._latest.clear()
            self._limit_s, self._renew_at = None, 0.0
        self._latest.append(seen)

    def limit_s(self, champion: int, now: float) -> float | None:
        """Return what counts as slow, in seconds; None while this worker has seen too little of the champion.

        ``now`` in seconds of a steady clock. The limit stays for a minute: it is never set by an answer that
        is held against it.
        """
        if champion != self._champion or len(self._latest) < ENOUGH:
            return self._limit_s if champion == self._champion else None
        if now >= self._renew_at:
            self._limit_s, self._renew_at = self._percentile(), now + RENEW_S
        return self._limit_s

    def _percentile(self) -> float:
        return quantiles((seen.seconds for seen in self._latest), n=20, method="inclusive")[-1]

    def freeze(self, champion: int, canary: int) -> Reference | None:
        """Return the reference for a canary, None while the champion has answered too little."""
        if champion != self._champion or len(self._latest) < ENOUGH:
            return None
        scores = [seen.score for seen in self._latest if seen.score is not None]
        return Reference(
            champion=champion,
            canary=canary,
            requests=len(self._latest),
            latency_s=self._percentile(),
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
