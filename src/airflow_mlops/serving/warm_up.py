"""A version that has just been loaded answers requests that nobody counts, until its times have settled.

Caches, lazy imports and compiled kernels are filled by them, on the same way and in the same thread as by the
requests of callers.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

import numpy as np

from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.error_text import text_of
from airflow_mlops.serving.payload import parse

log = logging.getLogger(__name__)
AT_ONCE: Final = 8
"""Requests of every second round, which wait for each other as those of many callers do."""
ROUNDS: Final = 32
SHORTEST_S: Final = 4.0
"""A model that takes long for a row is not asked as often as others."""
LONGEST_S: Final = 20.0
SETTLED: Final = 0.8
_WINDOW: Final = 4
_FAILED_ROUNDS: Final = 3
_EXAMPLE_BYTES: Final = 65_536
_SINGLE_ROWS: Final = 32
_VALUES: Final[Mapping[str, Any]] = {
    "double": 1.0, "float": 1.0, "long": 1, "integer": 1, "boolean": True, "string": "a", "any": 1.0,
    "datetime": "2026-01-01T00:00:00", "binary": "YQ==",
}  # fmt: skip


@dataclass(frozen=True)
class Samples:
    """Bodies of requests for a warm-up, and where they come from, in words; none when there is nothing."""

    bodies: tuple[bytes, ...] = ()
    origin: str = ""


def samples_of(local: Path, golden: Mapping[str, Any], inputs: Any) -> Samples:
    """Return requests for a model: golden rows, else its input example, else rows made from its signature.

    ``local`` is the model's folder, ``inputs`` its signature's inputs, None without.
    """
    if golden.get("rows"):
        return Samples(tuple(_golden_bodies(golden)), "its golden rows")
    example = local / "serving_input_example.json"
    if example.exists() and example.stat().st_size <= _EXAMPLE_BYTES:
        return Samples((example.read_bytes(),), "its input example")
    body = None if inputs is None else _made_up(inputs)
    return Samples() if body is None else Samples((body,), "a row made from its signature")


def _made_up(inputs: Any) -> bytes | None:
    """Return a request for one row that fits a signature's inputs; None where that cannot be made."""
    if inputs.is_tensor_spec():
        if inputs.has_input_names():
            return None
        (spec,) = inputs.inputs
        shape = [1 if size < 0 else size for size in spec.shape]
        return _body(inputs=np.zeros(shape, dtype=spec.type).tolist())
    if not inputs.has_input_names():
        return None
    row = [_VALUES.get(str(getattr(column.type, "name", column.type)).lower()) for column in inputs.inputs]
    table = {"columns": [column.name for column in inputs.inputs], "data": [row]}
    return None if None in row else _body(dataframe_split=table)


async def warm_up(batcher: Batcher, samples: Samples) -> str:
    """Ask a version until its times have settled; returns why it is not warm, in words, or an empty text.

    One request alone and eight at once by turns: at least 32 rounds or four seconds, then until they become
    quicker no more, and at most 20 seconds. Failures are no fault: a row that was made up may be impossible.
    """
    if not samples.bodies:
        return "not warmed up: it has no golden rows, no input example and no signature to make rows from"
    begun, took, failed = monotonic(), [], 0
    bodies = itertools.cycle(samples.bodies)
    for number in itertools.count():
        before = monotonic()
        asked = [
            asyncio.create_task(_ask(batcher, next(bodies))) for _ in range(AT_ONCE if number % 2 else 1)
        ]
        try:
            _, late = await asyncio.wait(asked, timeout=max(0.0, begun + LONGEST_S - before))
        finally:
            for task in asked:
                task.cancel()
        if late:
            return f"not warmed up: {samples.origin} got no answer within {LONGEST_S:g} s"
        faults = [text_of(fault) for task in asked if (fault := task.result()) is not None]
        failed = failed + 1 if len(faults) == len(asked) else 0
        if failed == _FAILED_ROUNDS:
            return f"not warmed up: the model does not take {samples.origin} ({faults[0]})"
        took.append(monotonic() - before)
        elapsed = monotonic() - begun
        if elapsed >= LONGEST_S or (_settled(took) and (number >= ROUNDS or elapsed >= SHORTEST_S)):
            log.info("version %s: %s warm-up rounds in %.2f s", batcher.model.version, number + 1, elapsed)
            return ""
    raise AssertionError


async def _ask(batcher: Batcher, body: bytes) -> Exception | None:
    try:
        await batcher.predict(batcher.model.prepare(parse(body)))
    except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
        return error
    return None


def _settled(took: Sequence[float]) -> bool:
    """Return whether the last rounds were hardly quicker than as many before; rounds alternate in size."""
    if len(took) < 2 * _WINDOW:
        return len(took) >= 2 and sum(took) >= SHORTEST_S
    return sum(took[-_WINDOW:]) >= SETTLED * sum(took[-2 * _WINDOW : -_WINDOW])


def _golden_bodies(golden: Mapping[str, Any]) -> Iterator[bytes]:
    rows, names = golden["rows"][:_SINGLE_ROWS], golden.get("columns")
    for row in rows:
        values = [row[name] for name in row] if names is None else row
        yield _body(dataframe_split={"columns": list(names or row), "data": [values]})


def _body(**content: Any) -> bytes:
    return json.dumps(content).encode()
