"""Counting answers and writing them down in batches."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from airflow_mlops.serving.database import Database, LoggedRequest

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


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
        self._counts = database.read_counts()
        self._changed: set[tuple[int, int]] = set()
        self._log: list[LoggedRequest] = []
        self._writing = asyncio.Lock()
        self.tally = Tally()

    def record(self, item: LoggedRequest, *, failed: bool) -> None:
        """Count and log one request against the version that it was routed to."""
        key = (item.epoch, item.routed)
        requests, failures = self._counts.get(key, (0, 0))
        self._counts[key] = (requests + 1, failures + failed)
        self._changed.add(key)
        self._log.append(item)
        self.tally.add(item)

    def counts(self, epoch: int) -> dict[int, tuple[int, int]]:
        """Return (requests, failures) by version of one epoch."""
        return {version: value for (e, version), value in self._counts.items() if e == epoch}

    async def flush(self) -> None:
        """Write what waits, off the event loop."""
        async with self._writing:
            if not self._log:
                return
            log, self._log = self._log, []
            changed, self._changed = self._changed, set()
            counts = {key: self._counts[key] for key in changed}
            try:
                await asyncio.to_thread(self._database.write_requests, log, counts)
            except Exception:
                self._log, self._changed = log + self._log, changed | self._changed
                raise
