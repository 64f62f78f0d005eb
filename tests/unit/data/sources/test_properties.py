"""What goes in comes out with the same rows and values, or an error, however the files are laid out."""

from __future__ import annotations

import json
import math
import random
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data.datasets import read_dataset, write_dataset
from airflow_mlops.data.source_rows import read_rows
from tools.awkward_inputs import write

ENDINGS = {"parquet": ".parquet", "csv": ".csv", "json": ".jsonl"}
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=8).map(
    lambda text: f"t{text}"
)
COLUMNS = st.sampled_from(
    [
        st.integers(-(2**63), 2**63 - 1),
        st.one_of(st.none(), st.integers(-(2**60), 2**60)),
        st.one_of(st.none(), st.integers(-99, 99)),
        st.floats(allow_nan=False, allow_infinity=False),
        st.one_of(st.none(), st.floats(-1e6, 1e6, allow_subnormal=False)),
        st.booleans(),
        TEXT,
        st.one_of(st.none(), TEXT),
        st.one_of(st.integers(-9, 9), TEXT),
    ]
)


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows with a key, a target, and up to three columns, one of which may be in some rows only."""
    size = draw(st.integers(1, 12))
    kinds = draw(st.lists(COLUMNS, min_size=1, max_size=3))
    values = [draw(st.lists(kind, min_size=size, max_size=size)) for kind in kinds]
    names = ["select", 'a "b"', "c;d"]
    return [
        {"id": row, "y": row % 2, **{names[k]: column[row] for k, column in enumerate(values)}}
        for row in range(size)
    ]


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A frame whose columns are what pandas makes of the values, whole numbers with gaps kept exact."""
    columns = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        known = [value for value in values if value is not None]
        whole = known and all(type(value) is int for value in known)
        columns[name] = pd.array(values, dtype="Int64") if whole else pd.Series(values)
    return pd.DataFrame(columns)


def _write(rows: list[dict[str, Any]], path: Path, kind: str) -> None:
    if kind != "json":
        write(_frame(rows), path, kind)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))  # pandas would round floats


def _same(one: Any, other: Any) -> bool:
    gone = [
        value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
        for value in (one, other)
    ]
    if any(gone):
        return all(gone)
    if isinstance(one, str) or isinstance(other, str):
        return bool(str(one) == other)  # a CSV column of numbers and texts is text
    return Decimal(one.item() if isinstance(one, np.generic) else one) == Decimal(
        other.item() if isinstance(other, np.generic) else other
    )


def _assert_same(rows: list[dict[str, Any]], read: pd.DataFrame) -> None:
    assert len(read) == len(rows)
    assert sorted(read.columns) == sorted(rows[0])
    for row in rows:
        for name, value in row.items():
            assert _same(value, read[name].iloc[row["id"]]), (name, value, read[name].iloc[row["id"]])


def _section(kind: str, filepath: Any) -> Data:
    return Data.model_validate(
        {"source": {"type": kind, "filepath": filepath}, "target": "y", "keys": ["id"]}
    )


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=tables(), kind=st.sampled_from(sorted(ENDINGS)), parts=st.integers(1, 3))
def test_any_rows_come_back_with_the_same_values_or_an_error(
    rows: list[dict[str, Any]], kind: str, parts: int
) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        size = -(-len(rows) // parts)
        try:
            for number in range(0, len(rows), size):
                path = folder / "rows" / f"{number:02d}{ENDINGS[kind]}"
                _write(rows[number : number + size], path, kind)
        except (ValueError, TypeError, OverflowError):  # pandas or pyarrow cannot write these values
            return
        try:
            read = read_rows(_section(kind, "rows"), base=folder)
            back = read_dataset(write_dataset(read, str(folder / "data")))
        except (DataRejected, ConfigError):
            return
        _assert_same(rows, back)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=tables(), kind=st.sampled_from(sorted(ENDINGS)), seed=st.integers(0, 99))
def test_the_order_of_files_and_files_of_other_types_change_nothing(
    rows: list[dict[str, Any]], kind: str, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder, end = Path(made), ENDINGS[kind]
        names = [f"rows/{number:02d}{end}" for number in range(len(rows))]
        try:
            for name, row in zip(names, rows, strict=True):
                _write([row], folder / name, kind)
        except (ValueError, TypeError, OverflowError):
            return
        plain = _read(_section(kind, names), folder)
        shuffled = random.Random(seed).sample(names, len(names))
        assert _equal(_read(_section(kind, shuffled), folder), plain)
        for extra in (f"all{end}.bak", f".x{end}", f"_x{end}", "notes.md", f"{end}", "_SUCCESS"):
            (folder / "rows" / extra).write_bytes(b"\x00anything")
        assert _equal(_read(_section(kind, "rows"), folder), plain)
        assert _equal(_read(_section(kind, f"rows/*{end}"), folder), plain)


def _read(section: Data, folder: Path) -> pd.DataFrame | str:
    try:
        return read_rows(section, base=folder)
    except (DataRejected, ConfigError) as error:
        return str(error)


def _equal(one: pd.DataFrame | str, other: pd.DataFrame | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return bool(isinstance(one, str) and isinstance(other, str) and one == other)
    pd.testing.assert_frame_equal(one, other)
    return True
