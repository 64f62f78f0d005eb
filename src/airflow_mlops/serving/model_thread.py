"""A thread in which the code of a model runs, and which may never come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class ModelThread:
    """A daemon thread that makes one call after another.

    Not a ThreadPoolExecutor: the interpreter waits for its threads when it ends, and a model whose predict
    blocks for ever would keep the process for ever.
    """

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what ``function`` returns; it must not raise."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._work.put((loop, future, function, arguments))
        return await future

    def end(self) -> None:
        """End the thread after its present call."""
        self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            loop, future, function, arguments = work
            result = function(*arguments)
            try:
                loop.call_soon_threadsafe(_set, future, result)
            except RuntimeError:  # The loop has ended; nobody waits any more.
                return


def _set(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)
