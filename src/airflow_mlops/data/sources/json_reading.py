"""One JSON file as a frame: an array, pandas' other forms, or one object on each line."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pandas as pd

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data.core.file_names import unpacked
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.frames import loses_digits
from airflow_mlops.data.sources.listing import SourceFile
from airflow_mlops.data.sources.text_reading import UNPACK, opened

LINES: Final = (".jsonl", ".ndjson")
_HEAD: Final = 1 << 16
_QUOTED: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_LARGE: Final = re.compile(rb"(?<![\d.])\d{16,}(?![\d.eE])")


def parse_json(file: SourceFile, request: ReadRequest) -> pd.DataFrame:
    """Return the rows of one file with the values as they are written: no text becomes a number or a date."""
    given = request.source.load_args
    if given.get("chunksize"):
        raise ConfigError("data.source.load_args.chunksize must not be set: the whole file is read")
    start = _start(file, str(given.get("encoding") or "utf-8-sig"))
    if twice := _repeated(start):
        raise DataRejected(f"{file.name}: an object has {twice!r} twice: give each value its own name")
    defaults = {
        "lines": _is_lines(file, start),
        "dtype": False,
        "precise_float": True,
        "encoding": "utf-8-sig",
    }
    with opened(file) as (stream, compression):
        frame = pd.read_json(stream, **{"compression": compression, **defaults, **given})
    if not isinstance(frame, pd.DataFrame):
        raise DataRejected(f"{file.name}: a list of objects is expected, or one object on each line")
    large = [str(name) for name in frame.columns if loses_digits(frame[name])]
    if large and _has_large_numbers(file):
        raise DataRejected(
            f"{file.name}: column {large[0]!r} has whole numbers above 2^53 beside gaps or fractions, which "
            "floats cannot hold exactly: write them as text"
        )
    return frame.reset_index(drop=True)


def _has_large_numbers(file: SourceFile) -> bool:
    """Whether a whole number of more than 15 digits is in the text, outside of quotes."""
    with opened(file) as (stream, compression):
        if compression not in UNPACK:
            return True
        return any(_LARGE.search(_QUOTED.sub(b"", line)) for line in UNPACK[compression](stream))


def _start(file: SourceFile, encoding: str) -> str:
    with opened(file) as (stream, compression):
        if compression not in UNPACK:
            return ""
        head: bytes = UNPACK[compression](stream).read(_HEAD)
    return head.decode(encoding, errors="ignore").lstrip()


def _is_lines(file: SourceFile, start: str) -> bool:
    """Whether each line is an object, by the name or by the start: Spark names such files ``.json``."""
    if unpacked(file.path)[0].endswith(LINES):
        return True
    if not start.startswith("{"):
        return False
    first, _, rest = start.partition("\n")
    try:
        found = json.loads(first)
    except ValueError:
        return False
    # An object of objects, or of lists alone, has columns.
    one_row = isinstance(found, dict) and not any(isinstance(value, dict) for value in found.values())
    one_row = one_row and not all(isinstance(value, list) for value in found.values())
    return rest.lstrip().startswith("{") or (not rest.strip() and one_row)


def _repeated(start: str) -> str | None:
    """Return a name that the first object has twice; of which the last value alone would be read."""
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        twice.extend(name for name in names if names.count(name) > 1)
        return dict(found)

    begin = start.find("{")
    if begin < 0:
        return None
    try:
        json.JSONDecoder(object_pairs_hook=pairs).raw_decode(start, begin)
    except ValueError:
        return None
    return twice[0] if twice else None
