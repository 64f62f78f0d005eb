"""Natural micro-batching: while one batch is predicted the next one gathers. No timer, no added wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from airflow_mlops.serving.model import Model, Predictions, Prepared

MAX_ROWS: Final = 1024
Outcome = Predictions | Exception


@dataclass(frozen=True)
class _Waiting:
    item: Prepared
    future: asyncio.Future[Predictions]
    since: float


class Batcher:
    """Predicts for one model, in a thread of its own, so that a slow version cannot hold up another.

    ``mark`` holds the version and the number of requests while the model's code runs: who finds it set after
    the process has died knows why.
    """

    def __init__(self, model: Model, mark: Any) -> None:
        self.model = model
        self._mark = mark
        self._queue: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"model-{model.version}")
        self._task: asyncio.Task[None] | None = None

    async def predict(self, item: Prepared) -> Predictions:
        """Return the predictions of one request; raises what the model raises for it."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(item, loop.create_future(), perf_counter())
        self._queue.append(waiting)
        if self.model.quick:
            # All that was read in this turn of the loop goes together; a thread would cost more.
            if len(self._queue) == 1:
                loop.call_soon(self._run_here)
        elif self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run_in_thread())
        return await waiting.future

    async def close(self) -> None:
        """Let the waiting requests finish and give the thread back."""
        if self._task is not None:
            await asyncio.wait({self._task})
        self._thread.shutdown(wait=False)

    def _run_here(self) -> None:
        # Whose batch of this turn comes first says nothing about a version: its time begins with its batch.
        while batch := self._take():
            begun = perf_counter()
            outcomes = self._outcomes([waiting.item for waiting in batch])
            took = perf_counter() - begun
            _answer(batch, outcomes, [took] * len(batch))

    async def _run_in_thread(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._take():
            items = [waiting.item for waiting in batch]
            outcomes, done = await loop.run_in_executor(self._thread, self._timed_outcomes, items)
            # Here a version's own requests wait for each other, which is its time as well.
            _answer(batch, outcomes, [done - waiting.since for waiting in batch])

    def _take(self) -> list[_Waiting]:
        """Take what waits and belongs together, oldest first; empty when nobody waits."""
        batch: list[_Waiting] = []
        rows = 0
        while self._queue and (not batch or _fits(batch[0].item, self._queue[0].item, rows)):
            waiting = self._queue.popleft()
            if waiting.future.done():  # The caller gave up.
                continue
            batch.append(waiting)
            rows += waiting.item.rows
        return batch

    def _timed_outcomes(self, items: Sequence[Prepared]) -> tuple[list[Outcome], float]:
        return self._outcomes(items), perf_counter()

    def _outcomes(self, items: Sequence[Prepared]) -> list[Outcome]:
        """Return what the model answers to each request; one bad request does not fail its neighbours."""
        mark = self._mark
        mark[1], mark[0] = len(items), self.model.version
        try:
            return _split(self.model.predict(items), items)
        except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
            if len(items) == 1:
                return [error]
        finally:
            mark[0] = 0
        return [outcome for item in items for outcome in self._outcomes([item])]


def _fits(first: Prepared, following: Prepared, rows: int) -> bool:
    return first.key is not None and first.key == following.key and rows + following.rows <= MAX_ROWS


def _split(found: Predictions, items: Sequence[Prepared]) -> list[Outcome]:
    """Return the part of a batch's predictions that belongs to each request."""
    rows = sum(item.rows for item in items)
    if items[0].key is not None and len(found.values) != rows:
        raise ValueError(f"the model returned {len(found.values)} predictions for {rows} rows")
    parts: list[Outcome] = []
    start = 0
    for item in items:
        end = start + item.rows
        scores = None if found.scores is None else found.scores[start:end]
        parts.append(Predictions(found.values[start:end], scores))
        start = end
    return parts


def _answer(batch: Sequence[_Waiting], outcomes: Sequence[Outcome], seconds: Sequence[float]) -> None:
    for waiting, outcome, took in zip(batch, outcomes, seconds, strict=True):
        if waiting.future.done():
            continue
        if isinstance(outcome, Exception):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(Predictions(outcome.values, outcome.scores, took))
