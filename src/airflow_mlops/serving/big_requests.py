"""Big requests in parts, so that no step of one keeps other callers waiting.

Python runs one thing at a time: a body of 8 MB that is parsed at once stops all callers for a second. Parts
of 64 kB are parsed, checked and predicted one after another, and others are answered in between. What takes a
few milliseconds in all is answered in one step: each part costs two changes of threads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from airflow_mlops.serving.model import Predictions
from airflow_mlops.serving.payload import FORMATS, BadInputError, Payload, parse, payload_of, read_json

PART_BYTES: Final = 65_536
PART_VALUES: Final = 10_000
AT_ONCE_BYTES: Final = 1 << 20
AT_ONCE_VALUES: Final = 25_000
_TRIES: Final = 200
_ENDS: Final = 4
_START: Final = re.compile(rb'"(?<!\\")(data|dataframe_records|inputs|instances)"\s*:\s*\[\s*')
_BETWEEN: Final = {
    b"[": re.compile(rb"\](\s*,\s*)\["),
    b"{": re.compile(rb"\}(\s*,\s*)\{"),
}
_BETWEEN_VALUES: Final = re.compile(rb"(\s*,\s*)")
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])

Read = Callable[[bytes], Payload]
Part = Callable[[], Payload]


@dataclass(frozen=True)
class BigRequest:
    """A request in parts; ``whole`` gives all of its rows at once. Both block."""

    parts: Sequence[Part]
    whole: Part


def is_small(body: bytes, *, plain: bool) -> bool:
    """Return whether a body is answered in one step.

    ``plain`` says that it has MLflow's formats and that the model takes named columns of plain values: then
    the number of values tells what it costs, else the bytes do.
    """
    if len(body) <= PART_BYTES:
        return True
    if not plain or len(body) > AT_ONCE_BYTES:
        return False
    values = body.count(b",")
    return values <= AT_ONCE_VALUES and (body[:1] == b"{" or values + body.count(b"\n") <= AT_ONCE_VALUES)


def big_request(body: bytes, read: Read, *, splits: bool) -> BigRequest:
    """Return what gives the rows of a big body; blocks, so call it off the event loop.

    ``splits`` says that the body may be in one of MLflow's JSON formats. Raises BadInputError.
    """
    texts = split_body(body) if splits and read is parse else None
    if texts is not None:
        return BigRequest([partial(read, text) for text in texts], partial(_whole, texts))
    payload = read(body)
    columns, parts = payload.columns, [lambda: payload]
    if columns:
        step = max(1, PART_VALUES // len(columns))
        parts = [partial(_rows, payload, start, step) for start in range(0, payload.rows, step)]
    return BigRequest(parts, lambda: payload)


def _whole(texts: Sequence[bytes]) -> Payload:
    """Return all rows at once, decoded part by part: nobody else is answered while one text is decoded."""
    bodies = [read_json(text) for text in texts]
    [name] = [name for name in FORMATS if name in bodies[0]]
    values = [body[name] for body in bodies]
    if name == "dataframe_split":
        rows = list(chain.from_iterable(value["data"] for value in values))
        return payload_of({**bodies[0], name: {**values[0], "data": rows}})
    return payload_of({**bodies[0], name: list(chain.from_iterable(values))})


def joined(found: Sequence[Predictions]) -> Predictions:
    """Return the predictions of all parts as one."""
    values = list(chain.from_iterable(part.values for part in found))
    scores = list(chain.from_iterable(part.scores or () for part in found))
    unnamed = list(chain.from_iterable(part.unnamed or () for part in found))
    return Predictions(
        values,
        scores if len(scores) == len(values) else None,
        unnamed if len(unnamed) == len(values) else None,
    )


def located(error: BadInputError, before: int) -> BadInputError:
    """Return a refusal whose row numbers begin with the part ``before`` which so many rows come."""
    return BadInputError(f"{error} (rows counted from row {before} on)") if before else error


def _rows(payload: Payload, start: int, step: int) -> Payload:
    columns = {name: values[start : start + step] for name, values in (payload.columns or {}).items()}
    index = None if payload.index is None else payload.index[start : start + step]
    return replace(payload, rows=min(step, payload.rows - start), given=columns, table=None, index=index)


def split_body(body: bytes) -> list[bytes] | None:
    """Return bodies of about 64 kB whose rows together are those of ``body``; None where that is not known.

    The rows are cut where the text before and after is valid JSON by itself: then the whole is the rows of
    the parts, one after another, whatever stands inside of strings.

    >>> split_body(b'{"instances": [[1], [2]]}')
    [b'{"instances":[[1], [2]]}']
    """
    start = _START.search(body)
    if start is None:
        return None
    end = len(body)
    for _ in range(_ENDS):  # An index may come after the rows.
        end = body.rfind(b"]", start.end(), end)
        if end < 0:
            return None
        frame = _frame(body[: start.end()] + body[end:], start[1].decode())
        rows = None if frame is None else list(_cut(body, start.end(), end))
        if frame is not None and rows and None not in rows:
            return [frame[0] + row + frame[1] for row in rows if row is not None]
    return None


def _frame(text: bytes, key: str) -> tuple[bytes, bytes] | None:
    """Return what stands before and after the rows in each part, from a body without rows."""
    try:
        data = read_json(text)
    except BadInputError:
        return None
    found = [name for name in FORMATS if isinstance(data, dict) and name in data]
    if len(found) != 1:
        return None
    name, others = found[0], {other: value for other, value in data.items() if other != found[0]}
    before = _members(others) + msgspec.json.encode(name) + b":"
    inner = data[name]
    if key == "data":
        if name != "dataframe_split" or not isinstance(inner, dict) or inner.get("data") != []:
            return None
        labels = inner.get("index")
        if labels is not None and (not isinstance(labels, list) or labels != list(range(len(labels)))):
            return None  # Labels that a model may look at.
        kept = {other: value for other, value in inner.items() if other not in ("data", "index")}
        return b"{" + before + b"{" + _members(kept) + b'"data":[', b"]}}"
    return (b"{" + before + b"[", b"]}") if name == key and inner == [] else None


def _members(values: dict[str, Any]) -> bytes:
    return b"".join(
        msgspec.json.encode(key) + b":" + msgspec.json.encode(value) + b"," for key, value in values.items()
    )


def _cut(body: bytes, start: int, end: int) -> Iterator[bytes | None]:
    """Yield the elements between two places of a body in groups; None when they cannot be told apart."""
    between = _BETWEEN.get(body[start : start + 1], _BETWEEN_VALUES)
    while end - start > 1.25 * PART_BYTES:
        for number, found in enumerate(between.finditer(body, start + PART_BYTES, end)):
            group = body[start : found.start(1)]
            if _valid(group):
                break
            if number == _TRIES:
                yield None
                return
        else:
            break
        yield group
        start = found.end(1)
    group = body[start:end]
    yield group if _valid(group) else None


def _valid(group: bytes) -> bool:
    text = b"[" + group + b"]"
    try:
        return bool(_ELEMENTS.decode(text))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    if b"NaN" not in text and b"Infinity" not in text:
        return False
    try:
        return bool(read_json(text))
    except BadInputError:
        return False
