"""What one version made of a request, decided in one place: ``run_version``.

A version has answered when its predictions are there in time, fit the rows and are encoded, ready to be
handed over. Whatever keeps it from that is its failure; what the caller did wrong is nobody's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.encoding import encode
from airflow_mlops.serving.error_text import text_of
from airflow_mlops.serving.guards import Seen
from airflow_mlops.serving.model import Predictions
from airflow_mlops.serving.payload import BadInputError

log = logging.getLogger(__name__)
LOGGED_ROWS: Final = 100
LOGGED_BYTES: Final = 16_384
REFUSED: Final = 400
TIMED_OUT: Final = 504
_INLINE_VALUES: Final = 2_000
"""Predictions that are encoded on the event loop; more of them would keep other callers waiting."""

Ask = Callable[[Batcher], Awaitable[Predictions]]
Write = Callable[[int, list[Any], bytes], bytes]
"""Makes the body of an answer from the version, its predictions, and these as JSON."""


def write_predictions(_version: int, _values: list[Any], encoded: bytes) -> bytes:
    """Return the body of an answer as MLflow's scoring protocol has it."""
    return b'{"predictions":' + encoded + b"}"


class Outcome(msgspec.Struct, frozen=True):
    """How one version answered a request.

    ``body`` is ready to be handed over, ``encoded`` has the predictions as JSON, ``seconds`` is the version's
    own time, ``error`` the kind of exception that it raised.
    """

    predictions: Predictions | None
    status: int = 200
    detail: str = ""
    seconds: float = 0.0
    encoded: bytes = b""
    body: bytes = b""
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether the version did not answer."""
        return self.status != 200

    def seen(self) -> Seen:
        """Return what the guards look at."""
        found = self.predictions
        if found is None:
            return Seen(self.failed, self.seconds)
        seconds = self.seconds if found.seconds is None else found.seconds
        return Seen(self.failed, seconds, found.scores[0] if found.scores else None)

    def logged(self, rows: int) -> tuple[str | None, str | None]:
        """Return the predictions and the scores as the request log keeps them."""
        if self.predictions is None or rows > LOGGED_ROWS or len(self.encoded) > LOGGED_BYTES:
            return None, None
        scores, unnamed = self.predictions.scores, self.predictions.unnamed
        shown = self.encoded if unnamed is None else encode(unnamed)
        return shown.decode(), None if scores is None else encode(scores).decode()


async def run_version(
    batcher: Batcher, ask: Ask, write: Write, deadline: float, limit: float, *, at_once: bool = True
) -> Outcome:
    """Have one version answer a request until ``deadline`` (loop time), and return how that went.

    ``ask`` gets the predictions, ``limit`` is the time that a request has, in seconds, for messages;
    ``at_once`` is False for a request that is answered in parts.
    """
    version, started = batcher.model.version, time.perf_counter()
    timeout = asyncio.timeout_at(deadline)
    try:
        if batcher.model.quick and at_once:  # Done within this turn of the loop: nothing could interrupt it.
            return await _answer(batcher, ask, write, started)
        async with timeout:
            return await _answer(batcher, ask, write, started)
    except BadInputError as error:
        return Outcome(None, REFUSED, str(error), time.perf_counter() - started)
    except Exception as error:
        if isinstance(error, TimeoutError) and timeout.expired():  # A model may raise one of its own.
            took = time.perf_counter() - started
            return Outcome(None, TIMED_OUT, f"version {version} did not answer within {limit:g} s", took)
        log.debug("version %s failed", version, exc_info=True)
        kind = type(error).__name__
        detail = f"version {version} failed: {kind}: {text_of(error)}"
        return Outcome(None, 500, detail, time.perf_counter() - started, error=kind)


async def _answer(batcher: Batcher, ask: Ask, write: Write, started: float) -> Outcome:
    found = await ask(batcher)
    if isinstance(found.values, list) and len(found.values) > _INLINE_VALUES:
        encoded, body = await asyncio.to_thread(_written, write, batcher.model.version, found.values)
    else:
        encoded, body = _written(write, batcher.model.version, found.values)
    return Outcome(found, seconds=time.perf_counter() - started, encoded=encoded, body=body)


def _written(write: Write, version: int, values: list[Any]) -> tuple[bytes, bytes]:
    encoded = encode(values)
    return encoded, write(version, values, encoded)
