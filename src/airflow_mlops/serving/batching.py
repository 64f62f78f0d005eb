"""Natural micro-batching: while one batch is predicted the next one gathers. No timer, no added wait."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Sequence
from time import monotonic, perf_counter
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from airflow_mlops.serving.error_text import text_of
from airflow_mlops.serving.model import Model, Predictions, Prepared
from airflow_mlops.serving.model_thread import ModelThread

MAX_ROWS: Final = 1024
SLOW_S: Final = 0.25
"""From when on a batch counts as slow: those that wait get another thread."""
THREADS: Final = 8
MOST_WAITING: Final = 10_000
Outcome = Predictions | Exception


class ModelEndedError(Exception):
    """The code of a model asked to end the process."""


class _Waiting(msgspec.Struct, frozen=True):
    item: Prepared
    future: asyncio.Future[Predictions]
    since: float


class Batcher:
    """Predicts for one model, in threads of its own, so that a slow version cannot hold up another.

    One batch is predicted at a time, so that the next one gathers. A batch that takes longer than 0.25 s
    holds up nobody: the next one has a thread of its own, up to eight, as MLflow's own server calls a
    model from several threads. ``mark`` holds the version and the number of requests while the model's code
    runs: who finds it set after the process has died knows why.
    """

    def __init__(self, model: Model, mark: Any) -> None:
        self.model = model
        self._mark = mark
        self._inside = 0
        self._marking = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._began: dict[ModelThread, float] = {}
        self._idle: list[ModelThread] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._relief: asyncio.TimerHandle | None = None
        self._process = os.getpid()

    async def predict(self, item: Prepared) -> Predictions:
        """Return the predictions of one request; raises what the model raises for it."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(item, loop.create_future(), perf_counter())
        self._queue.append(waiting)
        if self.model.quick:
            # All that was read in this turn of the loop goes together; a thread would cost more.
            if len(self._queue) == 1:
                loop.call_soon(self._run_here)
        else:
            self._relieve()
            if len(self._queue) > MOST_WAITING:
                self._forget_who_gave_up()
        return await waiting.future

    def blocked(self, seconds: float) -> bool:
        """Whether no thread is left, as each has been busy with one batch for longer than ``seconds``."""
        now = monotonic()
        return len(self._began) == THREADS and all(now - began > seconds for began in self._began.values())

    async def close(self, seconds: float = 60.0) -> None:
        """Let the waiting requests finish, for ``seconds`` at most, and give the threads back."""
        try:
            if self._tasks:
                await asyncio.wait(set(self._tasks), timeout=seconds)
        finally:
            for thread in (*self._idle, *self._began):
                thread.end()

    def _forget_who_gave_up(self) -> None:
        self._queue = deque(waiting for waiting in self._queue if not waiting.future.done())
        if len(self._queue) > MOST_WAITING:
            waiting = self._queue.pop()
            text = f"{MOST_WAITING} requests wait for it already"
            waiting.future.set_exception(BlockingIOError(text))

    def _run_here(self) -> None:
        # Whose batch of this turn comes first says nothing about a version: its time begins with its batch.
        batch = self._take()
        if self._queue:  # Others are answered between two batches.
            asyncio.get_running_loop().call_soon(self._run_here)
        if not batch:
            return
        begun = perf_counter()
        outcomes = self._outcomes([waiting.item for waiting in batch])
        took = perf_counter() - begun
        _answer(batch, outcomes, [took] * len(batch))

    def _relieve(self) -> None:
        """See to it that what waits is predicted soon: start a thread unless one will be free in a moment."""
        if self._relief is not None:
            self._relief.cancel()
            self._relief = None
        if not self._queue or len(self._began) == THREADS:
            return
        newest = max(self._began.values(), default=0.0)
        wait = newest + SLOW_S - monotonic() if self._began else 0.0
        if wait > 0:
            self._relief = asyncio.get_running_loop().call_later(wait, self._relieve)
            return
        thread = self._idle.pop() if self._idle else ModelThread(f"model-{self.model.version}")
        self._began[thread] = monotonic()
        task = asyncio.create_task(self._run_in(thread))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_in(self, thread: ModelThread) -> None:
        try:
            while batch := self._take():
                self._began[thread] = monotonic()
                items = [waiting.item for waiting in batch]
                outcomes, done = await thread.call(self._timed_outcomes, items)
                # Here a version's own requests wait for each other, which is its time as well.
                _answer(batch, outcomes, [done - waiting.since for waiting in batch])
                if self._other_is_quick(thread):
                    break  # Two at a time would only make smaller batches.
        finally:
            del self._began[thread]
            self._idle.append(thread)
        self._relieve()

    def _other_is_quick(self, thread: ModelThread) -> bool:
        now = monotonic()
        return any(now - began < SLOW_S for other, began in self._began.items() if other is not thread)

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
        self._count_inside(len(items))
        try:
            found = self.model.predict(items)
            if len(items) == 1:
                self.model.any_length |= not found.is_by_row(items[0].rows)
                return [found]
            return _split(found, items)
        except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
            if len(items) == 1:
                # A future takes no StopIteration, and its neighbours would wait for their answers for ever.
                return [_ended(error) if isinstance(error, StopIteration) else error]
        except BaseException as error:  # noqa: BLE001 - a model that calls sys.exit would end this process
            if len(items) == 1:
                return [_ended(error)]
        finally:
            if os.getpid() != self._process:
                os._exit(0)  # The model forked, and this is the child: it must not answer as well.
            self._count_inside(-len(items))
        return [outcome for item in items for outcome in self._outcomes([item])]

    def _count_inside(self, more: int) -> None:
        with self._marking:
            self._inside += more
            self._mark[1], self._mark[0] = self._inside, self.model.version if self._inside else 0


def _ended(error: BaseException) -> ModelEndedError:
    return ModelEndedError(f"the model's code raised {type(error).__name__}({text_of(error)})")


def _fits(first: Prepared, following: Prepared, rows: int) -> bool:
    return first.key is not None and first.key == following.key and rows + following.rows <= MAX_ROWS


def _split(found: Predictions, items: Sequence[Prepared]) -> list[Outcome]:
    """Return the part of a batch's predictions that belongs to each request."""
    rows = sum(item.rows for item in items)
    if not found.is_by_row(rows):  # each request is predicted alone then
        raise ValueError(f"the model returned no prediction per row for {rows} rows")
    parts: list[Outcome] = []
    start = 0
    for item in items:
        end = start + item.rows
        scores = None if found.scores is None else found.scores[start:end]
        unnamed = None if found.unnamed is None else found.unnamed[start:end]
        parts.append(Predictions(found.values[start:end], scores, unnamed))
        start = end
    return parts


def _answer(batch: Sequence[_Waiting], outcomes: Sequence[Outcome], seconds: Sequence[float]) -> None:
    for waiting, outcome, took in zip(batch, outcomes, seconds, strict=True):
        if waiting.future.done():
            continue
        if isinstance(outcome, Exception):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(replace(outcome, seconds=took))
