from __future__ import annotations

import datetime as dt
import decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlops.data.digests import ContentDigest, content_digest, types_of


def test_the_digest_ignores_how_the_file_was_laid_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(100), "b": ["x", None] * 50})
    pq.write_table(
        pa.Table.from_pandas(frame), tmp_path / "one.parquet", row_group_size=7, compression="none"
    )
    pq.write_table(
        pa.Table.from_pandas(frame).replace_schema_metadata({"by": "me"}), tmp_path / "two.parquet"
    )
    one, two = (pd.read_parquet(tmp_path / name) for name in ("one.parquet", "two.parquet"))
    assert content_digest(one) == content_digest(two)


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.integers(-5, 5), min_size=2, max_size=8), at=st.integers(0, 7))
def test_the_digest_changes_with_any_value_and_with_the_type(values: list[int], at: int) -> None:
    frame = pd.DataFrame({"a": values})
    other = frame.copy()
    other.loc[at % len(values), "a"] += 1
    digests = {
        content_digest(f) for f in (frame, other, frame.astype(float), frame.rename(columns={"a": "b"}))
    }
    assert len(digests) == 4


COLUMNS: dict[str, Any] = {
    "whole": np.arange(12),
    "float": [0.5, None, -0.0, 1e300] * 3,
    "text": ["x", None, "", "long é"] * 3,
    "flag": [True, False] * 6,
    "flag_with_gaps": pd.Series([True, None, False] * 4, dtype=object),
    "nullable": pd.array([1, None, 2**60] * 4, dtype="Int64"),
    "at": pd.to_datetime(["2024-01-01", None, "2024-06-01T12:00:00.5"] * 4, format="ISO8601"),
    "zoned": pd.to_datetime(["2024-01-01", None, "2024-06-01"] * 4, utc=True),
    "plan": pd.Categorical(["pro", None, "team"] * 4),
    "price": pd.Series([decimal.Decimal("1.50"), None, decimal.Decimal("12345.25")] * 4, dtype=object),
    "day": pd.Series([dt.date(2024, 1, 1), None] * 6, dtype=object),
    "list": pd.Series([[1, 2], [], None] * 4, dtype=object),
    "period": pd.period_range("2024-01", periods=12, freq="M"),
    "empty": [None] * 12,
}


@settings(max_examples=40, deadline=None)
@given(ends=st.lists(st.integers(0, 12), max_size=6))
def test_the_digest_is_the_same_however_the_rows_are_batched(ends: list[int]) -> None:
    frame = pd.DataFrame(COLUMNS)
    running = ContentDigest(types_of(frame))
    bounds = [0, *sorted(ends), 12]
    for begin, end in pairwise(bounds):
        running.add(frame[begin:end])
    assert running.hexdigest() == content_digest(frame)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_gap_or_a_moved_value_in_any_kind_of_column_changes_the_digest(name: str) -> None:
    frame = pd.DataFrame({name: COLUMNS[name]})
    others = [frame[::-1].reset_index(drop=True), frame[:-1]] if name != "empty" else [frame[:-1]]
    assert all(content_digest(other) != content_digest(frame) for other in others)


def test_texts_that_join_to_the_same_characters_differ() -> None:
    texts = [["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None]]
    assert len({content_digest(pd.DataFrame({"a": pd.array(text, dtype="str")})) for text in texts}) == 4


def test_rows_that_were_stored_keep_their_digest(tmp_path: Path) -> None:
    frame = pd.DataFrame(COLUMNS).drop(columns="empty")
    frame.to_parquet(tmp_path / "rows.parquet")
    again = pd.read_parquet(tmp_path / "rows.parquet")
    assert content_digest(again) == content_digest(frame)
