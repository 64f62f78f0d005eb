"""Further sources: what is added to which row, checked against a plain search through all rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlops.config.models import Data, Join
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data.joins import Side, add_columns
from airflow_mlops.data.source_rows import read_rows
from airflow_mlops.data.sources.report import ReadReport

FIRST = pd.Timestamp("2025-01-01", tz="UTC")
ORDERS = pd.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "at": pd.to_datetime(["2025-01-02", "2025-01-05", "2025-01-05", "2025-01-09"], utc=True),
        "shop": ["a", "b", "a", None],
        "y": [0, 1, 0, 1],
    }
)
SHOPS = pd.DataFrame({"shop": ["a", "b", None], "size": [10, 2**53 + 1, 99], "town": ["X", "Y", "Z"]})
PRICES = pd.DataFrame(
    {
        "shop": ["a", "a", "a", "b"],
        "since": pd.to_datetime(["2025-01-01", "2025-01-05", "2025-01-06", "2025-01-01"], utc=True),
        "price": [1.0, 2.0, 3.0, 4.0],
    }
)


def read(tmp: Path, *joins: dict[str, Any], **more: Any) -> tuple[pd.DataFrame, ReadReport]:
    for name, rows in (("orders", ORDERS), ("shops", SHOPS), ("prices", PRICES)):
        rows.to_parquet(tmp / f"{name}.parquet", index=False)
    data = Data.model_validate(
        {
            "source": {"type": "parquet", "filepath": "orders.parquet"},
            "target": "y",
            "keys": ["id", "at"],
            "join": [
                {**join, "source": {"type": "parquet", "filepath": f"{join['source']}.parquet"}}
                for join in joins
            ],
            **more,
        }
    )
    report = ReadReport()
    return read_rows(data, base=tmp, report=report), report


def test_the_columns_of_a_key_are_added_and_rows_without_a_match_are_reported(tmp_path: Path) -> None:
    rows, report = read(tmp_path, {"source": "shops", "by": ["shop"]})
    assert rows["id"].tolist() == [1, 2, 3, 4]
    assert rows["size"].astype("object").fillna(0).tolist() == [10, 2**53 + 1, 10, 0]  # no key is not a key
    assert rows["town"].fillna("").tolist() == ["X", "Y", "X", ""]
    assert report.notes == ["1 of 4 rows have no match in shops.parquet: its columns are empty for them"]


def test_the_largest_unsigned_numbers_stay_exact_beside_rows_without_a_match() -> None:
    shops = pd.DataFrame({"shop": ["a", "b"], "size": np.array([2**64 - 1, 1], dtype="uint64")})
    left, right = (Side(rows, None, "here") for rows in (ORDERS, shops))
    join = Join.model_validate({"source": {"type": "csv", "filepath": "x.csv"}, "by": ["shop"]})
    found = add_columns(left, right, join, ReadReport(), need=True)
    assert found["size"].astype("object").fillna(0).tolist() == [2**64 - 1, 1, 2**64 - 1, 0]


def test_a_key_of_lists_is_refused() -> None:
    rows = pd.DataFrame({"shop": [[1], [2]], "size": [1, 2]})
    join = Join.model_validate({"source": {"type": "csv", "filepath": "x.csv"}, "by": ["shop"]})
    side = Side(rows, None, "here")
    with pytest.raises(DataRejected, match="'shop' has lists or mappings in its cells"):
        add_columns(
            side, Side(rows.rename(columns={"size": "z"}), None, "x.csv"), join, ReadReport(), need=True
        )


def test_a_join_by_time_takes_what_was_known_then(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, {"source": "prices", "by": ["shop"], "time": "since"})
    assert rows["price"].fillna(0).tolist() == [1.0, 4.0, 2.0, 0]  # known at the same moment counts
    rows, _ = read(tmp_path, {"source": "prices", "by": ["shop"], "time": "since", "tolerance": "1d"})
    assert rows["price"].fillna(0).tolist() == [1.0, 0, 2.0, 0]
    assert "since" not in rows


def test_several_joins_with_a_prefix_and_chosen_columns(tmp_path: Path) -> None:
    shops = {"source": "shops", "by": ["shop"], "columns": {"use": ["town"]}, "prefix": "shop_"}
    prices = {"source": "prices", "by": ["shop"], "time": "since"}
    rows, _ = read(tmp_path, shops, prices, columns={"drop": ["shop"]})
    assert list(rows.columns) == ["id", "at", "y", "shop_town", "price"]


def test_columns_are_kept_or_dropped_by_name(tmp_path: Path) -> None:
    assert list(read(tmp_path, columns={"use": ["shop"]})[0].columns) == ["id", "at", "shop", "y"]
    assert list(read(tmp_path, columns={"drop": ["shop"]})[0].columns) == ["id", "at", "y"]
    with pytest.raises(ConfigError, match=r"data\.columns\.drop: no column 'shp' \(did you mean shop\?\)"):
        read(tmp_path, columns={"drop": ["shp"]})
    with pytest.raises(ConfigError, match=r"cannot drop 'y': it is the target or a key"):
        Data(source={"type": "csv", "filepath": "x"}, target="y", columns={"drop": ["y"]})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"by": ["shp"]},
            r"orders\.parquet: no column 'shp' to join by \(did you mean shop\?\)|no column 'shp'",
        ),
        ({"by": ["shop"], "time": "sinze"}, r"no column 'sinze' \(did you mean since\?\)"),
        (
            {"by": ["shop"]},
            r"prices\.parquet: shop a has several rows that differ: one row is needed, or `time`",
        ),
    ],
)
def test_what_cannot_be_joined_is_said(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, DataRejected), match=message):
        read(tmp_path, {"source": "prices", **change})


def test_a_column_that_is_there_already_is_refused(tmp_path: Path) -> None:
    SHOPS.assign(y=1).to_parquet(tmp_path / "more.parquet")
    with pytest.raises(ConfigError, match=r"more\.parquet: y would be there twice: give the join a `prefix`"):
        read(tmp_path, {"source": "more", "by": ["shop"]})


def test_keys_of_other_types_are_refused_and_so_is_a_join_that_finds_nothing(tmp_path: Path) -> None:
    SHOPS.assign(shop=[1, 2, 3]).to_parquet(tmp_path / "more.parquet")
    with pytest.raises(DataRejected, match=r"'shop' is a number and is text in orders\.parquet"):
        read(tmp_path, {"source": "more", "by": ["shop"]})
    SHOPS.assign(shop=["A", "B", "C"]).to_parquet(tmp_path / "more.parquet")
    with pytest.raises(DataRejected, match=r"4 of 4 rows have no match in more\.parquet by shop: .*'a'.*'A'"):
        read(tmp_path, {"source": "more", "by": ["shop"]})


def test_a_row_that_is_there_twice_is_one_and_two_that_differ_at_one_time_are_refused(tmp_path: Path) -> None:
    pd.concat([PRICES, PRICES]).to_parquet(tmp_path / "more.parquet")
    join = {"source": "more", "by": ["shop"], "time": "since"}
    assert read(tmp_path, join)[0]["price"].fillna(0).tolist() == [1.0, 4.0, 2.0, 0]
    pd.concat([PRICES, PRICES.assign(price=7.0)]).to_parquet(tmp_path / "more.parquet")
    with pytest.raises(DataRejected, match=r"shop a has several rows that differ: one row per key and time"):
        read(tmp_path, join)


@pytest.mark.parametrize(
    ("since", "price"),
    [
        (["2025-01-01T01:00+01:00", "2025-01-01T00:00Z"], [1.0, 2.0]),
        (["2025-01-01", "2025-01-01T00:00"], [3, 4]),
    ],
)
def test_one_moment_written_in_two_ways_is_one_moment(tmp_path: Path, since: Any, price: Any) -> None:
    join = {"source": "more", "by": ["shop"], "time": "since"}
    rows = pd.DataFrame({"shop": "a", "since": since, "price": price})
    rows.to_parquet(tmp_path / "more.parquet")
    with pytest.raises(DataRejected, match=r"shop a has several rows that differ: one row per key and time"):
        read(tmp_path, join)
    rows.assign(price=5.0).to_parquet(tmp_path / "more.parquet")
    assert read(tmp_path, join)[0]["price"].fillna(0).tolist() == [5.0, 0, 5.0, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", "b"], pd.Categorical(["b", "a"])),
        ([0.1, 5.0], [Decimal("5.00"), Decimal("0.1")]),
        ([1, 2], pd.Categorical([2, 1])),
        (
            pd.to_datetime(["2025-01-01", "2025-07-01"]),
            pd.to_datetime(["2025-07-01", "2025-01-01"], utc=True),
        ),
        (
            pd.to_datetime(["2025-01-01", "2025-07-01"], utc=True),
            pd.to_datetime(["2025-07-01", "2025-01-01"], utc=True).tz_convert("Europe/Berlin").as_unit("ns"),
        ),
    ],
)
def test_keys_that_mean_the_same_are_equal_whatever_their_type(one: Any, other: Any) -> None:
    join = Join.model_validate({"source": {"type": "csv", "filepath": "x.csv"}, "by": ["key"]})
    left = Side(pd.DataFrame({"key": one}), None, "left")
    right = Side(pd.DataFrame({"key": other, "n": [2, 1]}), None, "right")
    assert add_columns(left, right, join, ReadReport(), need=True)["n"].tolist() == [1, 2]


def test_the_two_zeros_are_one_key() -> None:
    join = Join.model_validate({"source": {"type": "csv", "filepath": "x.csv"}, "by": ["key"]})
    left = Side(pd.DataFrame({"key": [0.0]}), None, "left")
    right = Side(pd.DataFrame({"key": [0.0, -0.0], "n": [1, 2]}), None, "right")
    with pytest.raises(DataRejected, match=r"key 0\.0 has several rows that differ"):
        add_columns(left, right, join, ReadReport(), need=True)


KEYS = st.one_of(st.none(), st.integers(0, 3))
MOMENTS = st.integers(0, 20)


@settings(max_examples=150, deadline=None)
@given(
    left=st.lists(st.tuples(KEYS, KEYS, st.one_of(st.none(), MOMENTS)), min_size=1, max_size=20),
    right=st.dictionaries(st.tuples(KEYS, KEYS, MOMENTS), st.integers(), max_size=30),
    tolerance=st.one_of(st.none(), st.integers(1, 8)),
    unit=st.sampled_from(["s", "ns"]),
)
def test_a_join_by_time_is_what_a_search_through_all_rows_finds(
    left: list[tuple[Any, Any, int | None]],
    right: dict[tuple[Any, Any, int], int],
    tolerance: int | None,
    unit: Any,
) -> None:
    hours = [pd.NaT if at is None else FIRST + pd.Timedelta(hours=at) for _, _, at in left]
    rows = pd.DataFrame({"a": pd.array([a for a, _, _ in left], "Int64"), "b": [b for _, b, _ in left]})
    known = pd.DataFrame(
        {
            "a": pd.array([a for a, _, _ in right], "Int64"),
            "b": pd.Series([b for _, b, _ in right], dtype="float64"),
            "since": pd.Series(
                [FIRST + pd.Timedelta(hours=at) for _, _, at in right], dtype="datetime64[us, UTC]"
            ),
            "value": pd.Series(list(right.values()), dtype="object"),
        }
    )
    join = Join.model_validate(
        {
            "source": {"type": "csv", "filepath": "x.csv"},
            "by": ["a", "b"],
            "time": "since",
            "tolerance": tolerance and dt.timedelta(hours=tolerance),
        }
    )
    rows["b"] = rows["b"].astype("float64")
    times = pd.Series(pd.to_datetime(hours, utc=True)).dt.as_unit(unit)
    found = add_columns(
        Side(rows, times, "left"), Side(known, known["since"], "right"), join, ReadReport(), need=False
    )
    for (a, b, at), value in zip(left, found["value"], strict=True):
        matches = [
            (since, what)
            for (other_a, other_b, since), what in right.items()
            if None not in (a, b, at)
            and (a, b) == (other_a, other_b)
            and since <= at
            and (tolerance is None or at - since <= tolerance)
        ]
        assert (None if pd.isna(value) else value) == (max(matches)[1] if matches else None)
    pd.testing.assert_frame_equal(found[["a", "b"]], rows)


def test_times_of_both_sides_are_read_as_they_are_declared(tmp_path: Path) -> None:
    written = PRICES.assign(since=PRICES["since"].dt.strftime("%d/%m/%Y"))
    written.to_parquet(tmp_path / "more.parquet")
    join = {"source": "more", "by": ["shop"], "time": "since"}
    with pytest.raises(
        DataRejected, match=r"more\.parquet: 4 of 4 rows have no time in 'since'.*declare `format`"
    ):
        read(tmp_path, join)
    rows, _ = read(tmp_path, {**join, "format": "%d/%m/%Y"})
    assert rows["price"].fillna(0).tolist() == [1.0, 4.0, 2.0, 0]
    rows, _ = read(tmp_path, {**join, "format": "%d/%m/%Y", "timezone": "America/New_York"})
    assert rows["price"].tolist()[2] == 1.0  # 5 January begins there at 05:00 UTC
    PRICES.assign(since=PRICES["since"].where([True, True, True, False])).to_parquet(
        tmp_path / "more.parquet"
    )
    _, report = read(tmp_path, join)
    assert "1 rows of more.parquet have no since and match nothing" in report.notes
    with pytest.raises(ValueError, match="needs `time`"):
        read(tmp_path, {"source": "shops", "by": ["shop"], "format": "%d/%m/%Y"})
