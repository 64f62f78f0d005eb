"""Counting answers and writing them down in batches."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Final

from airflow_mlops.serving.database import Batch, Database, LoggedRequest
from airflow_mlops.serving.document import Document
from airflow_mlops.serving.guards import BOTH, Recent, Reference, Seen, events_of
from airflow_mlops.serving.label_store import LabelOutcome
from airflow_mlops.serving.state_view import StateView

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_NAMES: Final = (*(f"{limit:g}" for limit in BUCKETS), "inf")
WAITING_ROWS: Final = 50_000
WAITING_BYTES: Final = 32 * 1024**2
Pair = tuple[int, int]


class Ledger:
    """What one worker counted and logged waits here until the next ``flush`` adds it to the common counts.

    A process that is killed takes with it the answers since its last flush, from counts and log alike. While
    the disk refuses, counts add up and 50,000 answers wait for the log; those beyond are counted only.
    """

    def __init__(self, database: Database, view: StateView) -> None:
        self._database = database
        self._view = view
        self._waiting = Batch()
        self._writing = asyncio.Lock()
        self._recent = Recent()
        self._bytes = 0
        self._figures: dict[str, float] = {}
        self._renewed: Reference | None = None
        self._renewed_of: Reference | None = None

    def first(self, pair: Pair, key: int) -> bool:
        """Return whether a caller is new to this canary; each counts once, as its requests are alike."""
        if not self._view.memory.claim(key):
            return False
        self._waiting.keys.append((*pair, key))
        return True

    def refuse(self) -> None:
        """Count a request that was the caller's fault."""
        self._waiting.figures["refused"] += 1

    def log(self, item: LoggedRequest) -> None:
        """Log one answered request."""
        size = len(item.predictions or "") + len(item.scores or "")
        if len(self._waiting.log) < WAITING_ROWS and self._bytes + size <= WAITING_BYTES:
            self._waiting.log.append(item)
            self._bytes += size
        else:
            self._waiting.figures.update(_figures([item]))
            self._waiting.figures["unlogged"] += 1

    def count(
        self,
        epoch: int,
        version: int,
        seen: Seen,
        pair: Pair | None,
        *,
        first: bool = True,
        every: bool = False,
        more: Sequence[str] = (),
    ) -> None:
        """Count an answer against the version that the request was routed to.

        ``pair`` is (champion, canary) while there is a canary. ``first`` is False for a request of a caller
        who was counted already; with ``every`` such requests have counts of their own, all_requests and
        all_failures. ``more`` are further events of any request.
        """
        if first:
            self._count(epoch, version, events_of(seen, self._current(pair)))
        if every:
            self._count(
                epoch, version, ("all_requests", "all_failures") if seen.failed else ("all_requests",)
            )
        if more:
            self._count(epoch, version, more)

    def count_pair(self, epoch: int, pair: Pair, champion: Seen, canary: Seen) -> None:
        """Count a request that both versions answered: one for its caller, one unseen."""
        reference = self._current(pair)
        one, other = set(events_of(champion, reference)), set(events_of(canary, reference))
        self._count(epoch, pair[0], one)
        self._count(epoch, pair[1], other)
        self._count(epoch, BOTH, one & other)

    def remember(self, champion: int, seen: Seen) -> None:
        """Keep one of the champion's answers for the next reference."""
        self._recent.add(champion, seen)

    def log_shadow(self, request_id: str, version: int, predictions: str | None) -> None:
        """Log what a version would have answered."""
        size = len(predictions or "")
        if len(self._waiting.shadows) < WAITING_ROWS and self._bytes + size <= WAITING_BYTES:
            self._bytes += size
            self._waiting.shadows.append((request_id, version, predictions))

    async def counts(self, since: int) -> dict[tuple[int, int], Counter[str]]:
        """Return the events by (epoch, version) after an epoch; version 0 holds what a pair shares."""
        await self._gather()
        return await asyncio.to_thread(self._database.read_counts, since)

    async def figures(self) -> dict[str, float]:
        """Return the figures of all workers since the state folder was new, by name.

        While the disk refuses they are the latest known ones, and what this worker has counted since.
        """
        waiting: Counter[str] = Counter()
        try:
            await self._gather()
        except sqlite3.Error:
            log = list(self._waiting.log)
            waiting = self._waiting.figures + await asyncio.to_thread(_figures, log)
        with suppress(sqlite3.Error):
            self._figures = await asyncio.to_thread(self._database.read_figures)
        return {name: self._figures.get(name, 0) + waiting[name] for name in {*self._figures, *waiting}}

    def reference(self, pair: Pair | None) -> dict[str, Any]:
        """Return the reference of a canary as plain JSON values, empty while there is none."""
        found = self._current(pair)
        return {} if found is None else asdict(found)

    async def label_rows(self, since: int) -> dict[tuple[int, int], list[list[Any]]]:
        """Return the rows of answers and labels by (epoch, version) after an epoch, once ``counts`` ran."""
        return await asyncio.to_thread(self._database.read_labels, since)

    async def label(self, request_id: str, label: Any, at: float) -> LabelOutcome:
        """Keep the true label of a logged request and count who was wrong; see ``write_label``.

        A label that is sent again replaces the one before.
        """
        await self.flush()
        found = await self._label(request_id, label, at)
        if found.status != "unknown" or not self._view.others:
            return found
        await self._gather()  # Another worker may have answered it a moment ago.
        return await self._label(request_id, label, at)

    async def flush(self) -> None:
        """Write what waits, off the event loop."""
        async with self._writing:
            batch, self._waiting, size, self._bytes = self._waiting, Batch(), self._bytes, 0
            if batch.empty:
                return
            try:
                await asyncio.to_thread(self._write, batch)
            except Exception:
                self._waiting = _bounded(batch.joined(self._waiting))
                self._bytes += size
                raise

    def _write(self, batch: Batch) -> None:
        """Write a batch with the figures of its answers; a batch that fails is left as it was."""
        figures = batch.figures + _figures(batch.log)
        self._database.write_batch(replace(batch, figures=figures))

    async def _label(self, request_id: str, label: Any, at: float) -> LabelOutcome:
        return await asyncio.to_thread(self._database.write_label, request_id, label, at)

    async def _gather(self) -> None:
        await self.flush()
        await self._view.settle()

    def _current(self, pair: Pair | None) -> Reference | None:
        """Return the reference of ``pair`` with the limit of this minute for slow answers."""
        found = self._measure(pair)
        if found is None:
            return None
        limit_s = self._recent.limit_s(found.champion, time.monotonic())
        if limit_s is None or limit_s == found.latency_s:
            return found
        if self._renewed is None or self._renewed.latency_s != limit_s or self._renewed_of is not found:
            self._renewed, self._renewed_of = replace(found, latency_s=limit_s), found
        return self._renewed

    def _measure(self, pair: Pair | None) -> Reference | None:
        """Return the reference of ``pair``, frozen at the first request from which it can be."""
        known = self._view.document.reference
        if known is not None and (known.champion, known.canary) == pair:
            return known
        proposed = None if pair is None else self._recent.freeze(*pair)
        if proposed is None:
            return None
        found = self._view.adopt(_propose(proposed)).reference
        if found is proposed or found == proposed:
            self._waiting.state["reference"] = asdict(proposed)
        return found if found is not None and (found.champion, found.canary) == pair else None

    def _count(self, epoch: int, version: int, events: Iterable[str]) -> None:
        counts = self._waiting.counts
        for event in events:
            counts[epoch, version, event] += 1


def _propose(reference: Reference) -> Callable[[Document], Document]:
    """Return what puts a reference into the state if its canary is there and has none yet."""
    pair = (reference.champion, reference.canary)

    def propose(document: Document) -> Document:
        fits = document.traffic.pair == pair and document.reference is None
        return replace(document, reference=reference) if fits else document

    return propose


def _bounded(batch: Batch) -> Batch:
    """Return a batch that could not be written, with the rows beyond the limit counted only."""
    surplus = batch.log[WAITING_ROWS:]
    figures = batch.figures + _figures(surplus) + Counter(unlogged=len(surplus))
    log, shadows = batch.log[:WAITING_ROWS], batch.shadows[:WAITING_ROWS]
    return replace(batch, log=log, shadows=shadows, figures=figures)


def _figures(log: Iterable[LoggedRequest]) -> Counter[str]:
    figures: Counter[str] = Counter()
    for item in log:
        figures[f"answers:{item.routed}:{item.status}"] += 1
        figures["fallbacks"] += item.answered is not None and item.answered != item.routed
        figures[f"seconds:{item.routed}"] += item.seconds  # type: ignore[assignment]
        figures[f"bucket:{item.routed}:{_NAMES[bisect_left(BUCKETS, item.seconds)]}"] += 1
    return figures
