"""Natural micro-batching: while one batch is predicted the next one gathers. No timer, no added wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.serving.model import Model, Predictions, Prepared

MAX_ROWS: Final = 1024


@dataclass(frozen=True)
class _Waiting:
    item: Prepared
    future: asyncio.Future[Predictions]


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
        waiting = _Waiting(item, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self.model.quick:
            # All that was read in this turn of the loop goes together; a thread would cost more.
            if len(self._queue) == 1:
                asyncio.get_running_loop().call_soon(self._answer_now)
        elif self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await waiting.future

    async def close(self) -> None:
        """Let the waiting requests finish and give the thread back."""
        if self._task is not None:
            await asyncio.wait({self._task})
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        while self._queue:
            batch = self._take()
            if batch:
                await self._answer(batch)

    def _answer_now(self) -> None:
        while self._queue:
            self._predict_now(self._take())

    def _predict_now(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        try:
            found = self._marked([waiting.item for waiting in batch])
        except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for waiting in batch:
                self._predict_now([waiting])
            return
        _give(batch, found)

    def _take(self) -> list[_Waiting]:
        """Take what waits and belongs together, oldest first."""
        batch: list[_Waiting] = []
        rows = 0
        while self._queue and (not batch or self._fits(batch[0], self._queue[0], rows)):
            waiting = self._queue.popleft()
            if waiting.future.done():  # The caller gave up.
                continue
            batch.append(waiting)
            rows += waiting.item.rows
        return batch

    @staticmethod
    def _fits(first: _Waiting, following: _Waiting, rows: int) -> bool:
        key = first.item.key
        return key is not None and key == following.item.key and rows + following.item.rows <= MAX_ROWS

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        try:
            found = await self._predict([waiting.item for waiting in batch])
        except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for waiting in batch:  # One bad request must not fail its neighbours.
                await self._answer([waiting])
            return
        _give(batch, found)

    async def _predict(self, items: list[Prepared]) -> Predictions:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._marked, items)

    def _marked(self, items: list[Prepared]) -> Predictions:
        mark = self._mark
        mark[1], mark[0] = len(items), self.model.version
        try:
            found = self.model.predict(items)
        finally:
            mark[0] = 0
        _check_length(found, items)
        return found


def _check_length(found: Predictions, items: Sequence[Prepared]) -> None:
    rows = sum(item.rows for item in items)
    if items[0].key is not None and len(found.values) != rows:
        raise ValueError(f"the model returned {len(found.values)} predictions for {rows} rows")


def _give(batch: Sequence[_Waiting], found: Predictions) -> None:
    start = 0
    for waiting in batch:
        end = start + waiting.item.rows
        scores = None if found.scores is None else found.scores[start:end]
        if not waiting.future.done():
            waiting.future.set_result(Predictions(found.values[start:end], scores))
        start = end


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.future.done():
        waiting.future.set_exception(error)
