"""Counting answers and writing them down in batches."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_mlops.serving.database import Batch, Database, LabelledRequest, LoggedRequest
from airflow_mlops.serving.guards import BOTH, Recent, Reference, Seen, events_of, is_wrong, label_events

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MAX_KEYS: Final = 2_000_000
Pair = tuple[int, int]


@dataclass
class Tally:
    """Since the start of the process: answers by (version, status), refusals, fallbacks, latency."""

    answers: Counter[tuple[int, int]] = field(default_factory=Counter)
    refused: int = 0
    fallbacks: int = 0
    seconds: float = 0.0
    buckets: Counter[float] = field(default_factory=Counter)

    def add(self, item: LoggedRequest) -> None:
        """Count one answer."""
        self.answers[item.routed, item.status] += 1
        self.fallbacks += item.answered is not None and item.answered != item.routed
        self.seconds += item.seconds
        self.buckets[next((b for b in BUCKETS if item.seconds <= b), float("inf"))] += 1


class Ledger:
    """Counts of all epochs in memory; the log waits here until the next ``flush``.

    After a crash the answers of the last fraction of a second are missing from both.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: dict[tuple[int, int], Counter[str]] = database.read_counts()
        self._waiting = Batch()
        self._writing = asyncio.Lock()
        self._recent = Recent()
        self._reference: Reference | None = None
        stored = database.read_state().get("reference")
        if stored:
            self._reference = Reference.from_json(stored)
        known = database.read_keys()
        self._keyed: Pair | None = known[0][:2] if known else None
        self._keys = {key for _, _, key in known}
        self.tally = Tally()

    def first(self, pair: Pair, key: int) -> bool:
        """Say whether a caller is new to this canary; each counts once, as its requests are alike."""
        if pair != self._keyed:
            self._keyed, self._keys = pair, set()
        if key in self._keys or len(self._keys) >= MAX_KEYS:
            return False
        self._keys.add(key)
        self._waiting.keys.append((*pair, key))
        return True

    def log(self, item: LoggedRequest) -> None:
        """Log one answered request."""
        self._waiting.log.append(item)
        self.tally.add(item)

    def count(self, epoch: int, version: int, seen: Seen, pair: Pair | None) -> None:
        """Count an answer against the version that the request was routed to.

        ``pair`` is (champion, canary) while there is a canary.
        """
        self._count(epoch, version, events_of(seen, self._measure(pair)))

    def count_pair(self, epoch: int, pair: Pair, champion: Seen, canary: Seen) -> None:
        """Count a request that both versions answered: one for its caller, one unseen."""
        reference = self._measure(pair)
        one, other = set(events_of(champion, reference)), set(events_of(canary, reference))
        self._count(epoch, pair[0], one)
        self._count(epoch, pair[1], other)
        self._count(epoch, BOTH, one & other)

    def remember(self, champion: int, seen: Seen) -> None:
        """Keep one of the champion's answers for the next reference."""
        self._recent.add(champion, seen)

    def log_shadow(self, request_id: str, version: int, predictions: str | None) -> None:
        """Log what a version would have answered."""
        self._waiting.shadows.append((request_id, version, predictions))

    def counts(self, epoch: int) -> dict[int, Counter[str]]:
        """Return the events by version of one epoch; version 0 holds what a pair shares."""
        return {version: events for (e, version), events in self._counts.items() if e == epoch}

    def reference(self, pair: Pair | None) -> dict[str, Any]:
        """Return the reference of a canary as plain JSON values, empty while there is none."""
        found = self._measure(pair)
        return {} if found is None else found.to_json()

    async def label(self, request_id: str, label: Any, at: float) -> bool:
        """Keep the true label of a logged request and count who was wrong; False for an unknown request.

        A label that is sent again replaces the one before.
        """
        await self.flush()
        found = await asyncio.to_thread(self._database.write_label, request_id, label, at)
        if found is None:
            return False
        if found.labelled:
            for version, event in _events(found, found.before):
                self._add(found.epoch, version, event, -1)
        for version, event in _events(found, label):
            self._add(found.epoch, version, event, 1)
        return True

    async def flush(self) -> None:
        """Write what waits, off the event loop."""
        async with self._writing:
            batch, self._waiting = self._waiting, Batch()
            if batch.empty:
                return
            for epoch, version in {(e, v) for e, v, _ in batch.changed}:
                events = self._counts[epoch, version]
                batch.counts.update({(epoch, version, event): n for event, n in events.items()})
            try:
                await asyncio.to_thread(self._database.write_batch, batch)
            except Exception:
                self._waiting = batch.joined(self._waiting)
                raise

    def _measure(self, pair: Pair | None) -> Reference | None:
        """Return the reference of ``pair``, frozen at the first request from which it can be."""
        known = self._reference
        if known is not None and pair is not None and (known.champion, known.canary) == pair:
            return known
        # Without a canary the old reference ends: the next rollout of the same version has its own.
        self._reference = None if pair is None else self._recent.freeze(*pair)
        if self._reference != known:
            self._waiting.state["reference"] = self._reference and self._reference.to_json()
        return self._reference

    def _count(self, epoch: int, version: int, events: Iterable[str]) -> None:
        for event in events:
            self._add(epoch, version, event, 1)

    def _add(self, epoch: int, version: int, event: str, amount: int) -> None:
        self._counts.setdefault((epoch, version), Counter())[event] += amount
        self._waiting.changed.add((epoch, version, event))


def _events(found: LabelledRequest, label: Any) -> list[tuple[int, str]]:
    wrong = {found.answered: is_wrong(found.predictions, label)} if found.answered == found.routed else {}
    if found.shadow is not None:
        wrong[found.shadow] = is_wrong(found.shadow_predictions, label)
    return list(label_events(wrong, paired=found.paired))
