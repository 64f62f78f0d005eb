"""Rows that are read in batches are those that are read at once: values, types, digest, notes and errors."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_mlops.data.source_rows import request_of
from airflow_mlops.data.sources.files import ParquetSource
from airflow_mlops.data.sources.report import ReadReport
from tests.unit.data.batches import assert_same, call, sizes

CELLS = {
    "whole": ["0", "1", "-7", "42"],
    "gaps": ["", "3", "4", "NA"],
    "float": ["0.5", "1e3", "inf", "", "7"],
    "flag": ["True", "False", "TRUE", ""],
    "text": ["a", "é", '"x,y"', "", '"two\nlines"'],
    "awkward": ["1", "2.5", "True", "", "x", "007", "18446744073709551615", "99999999999999999999",
                "9007199254740993", "9223372036854775808", "-9223372036854775809", " 5", "1,5", "nan"],
}  # fmt: skip
TIMES = ["2025-01-01", "2025-01-02T10:00:00Z", "2025-01-03 00:00:00+02:00", "2025-02-01", "", "soon"]


@st.composite
def csv_texts(draw: st.DrawFn) -> list[str]:
    """One or two files with a key, a time, a target and two columns of awkward cells."""
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=2, max_size=2))
    bad = draw(st.integers(0, 6))
    times = TIMES[: 4 if bad else 6]
    texts = []
    for _ in range(draw(st.integers(1, 2))):
        lines = ["id,at,y,one,two"]
        for _ in range(draw(st.integers(1, 24))):
            one, two = (draw(st.sampled_from(CELLS[kind])) for kind in kinds)
            one, two = (f'"{cell}"' if "," in cell and '"' not in cell else cell for cell in (one, two))
            lines.append(f"{draw(st.integers(0, 5))},{draw(st.sampled_from(times))},0,{one},{two}")
        texts.append("\n".join(lines) + draw(st.sampled_from(["\n", ""])))
    return texts


def rows_of(*cells: str) -> list[str]:
    """A file whose column "two" has these cells; one with a comma is for both columns."""
    both = (cell if "," in cell else f"1,{cell}" for cell in cells)
    return ["id,at,y,one,two\n" + "".join(f"0,2025-01-01,0,{cell}\n" for cell in both)]


@example(texts=rows_of("1", "2.5", "-9223372036854775809"), window=False, batch=1, keys=0)
@example(texts=rows_of("", "9223372036854775808"), window=False, batch=1, keys=0)
@example(texts=rows_of("1", "2.5", "18446744073709551615", ""), window=False, batch=60, keys=0)
@example(texts=rows_of("99999999999999999999", "", "x"), window=False, batch=1, keys=0)
@example(texts=rows_of("1,2.5", "99999999999999999999,9007199254740993"), window=False, batch=1, keys=0)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=csv_texts(), window=st.booleans(), batch=st.sampled_from([1, 40, 90]), keys=st.integers(0, 3))
def test_csv_files_in_batches_are_what_they_are_at_once(
    texts: list[str], window: bool, batch: int, keys: int
) -> None:
    with tempfile.TemporaryDirectory() as made:
        base = Path(made)
        (base / "rows").mkdir()
        for number, text in enumerate(texts):
            (base / "rows" / f"{number}.csv").write_text(text)
        time = {} if keys == 1 else {"time": {"max_quarantine": 0.4}}
        chosen = [["id", "at"], ["id"], ["at"], ["two", "id", "at"]][keys]
        data = {"source": {"type": "csv", "filepath": "rows"}, "target": "y", "keys": chosen, **time}
        bounds = {"as_of": "2025-01-20T00:00:00+00:00", "window_start": "2025-01-02T00:00:00+00:00"}
        assert_same(base, data, batch=batch, **(bounds if window else {}))


SHOPS = [
    {"source": {"type": "csv", "filepath": "shops.csv"}, "by": ["shop"], "prefix": "shop_"},
    {
        "source": {"type": "csv", "filepath": "prices.csv"},
        "by": ["shop"],
        "time": "valid",
        "tolerance": "30d",
    },
]
PRICES = "shop,valid,price,sold,best\n1,2025-01-01,10,1,True\n2,2025-01-15,20,2,False\n"


@pytest.mark.parametrize(
    "shops", ["1,DE,3,True\n2,FR,4,False\n3,,5,True\n", "1,DE,3,True\n", "9,DE,3,True\n"]
)
@pytest.mark.parametrize("chosen", [{}, {"use": ["shop", "shop_size", "price"]}, {"drop": ["sold", "prize"]}])
def test_joins_of_batches_are_those_of_all_rows(tmp_path: Path, shops: str, chosen: dict[str, Any]) -> None:
    """Rows with a match, some without, and none with one; a column that is chosen is there or named."""
    (tmp_path / "shops.csv").write_text("shop,country,size,open\n" + shops)
    (tmp_path / "prices.csv").write_text(PRICES)
    rows = [f"{9 - row},2025-01-{row + 10:02},{row % 4 or ''},0" for row in range(9)]
    (tmp_path / "rows.csv").write_text("id,at,shop,y\n" + "\n".join(rows) + "\n")
    data = {"source": {"type": "csv", "filepath": "rows.csv"}, "target": "y", "keys": ["id", "at"],
            "join": SHOPS, "columns": chosen}  # fmt: skip
    assert_same(tmp_path, data, as_of="2025-01-18T00:00:00+00:00")


def table(rows: int) -> pa.Table:
    """Columns of all types that batches have, with gaps in some parts of the rows only."""
    late = [None if row > rows * 2 / 3 else row for row in range(rows)]
    text = [None if value is None else f"t{value % 3}" for value in late]
    return pa.table(
        {
            "id": pa.array([(7 * row) % 5 for row in range(rows)], pa.int32()),
            "at": pa.array(
                [1735689600 + 86400 * (row % 11) for row in range(rows)], pa.timestamp("s", "UTC")
            ),
            "y": pa.array([row % 2 for row in range(rows)], pa.uint8()),
            "late": pa.array(late, pa.int64()),
            "large": pa.array([None if v is None else 2**60 + v for v in late], pa.int64()),
            "flag": pa.array([None if v is None else v % 2 == 0 for v in late]),
            "text": pa.array(text),
            "price": pa.array([None if v is None else v for v in late], pa.decimal128(9, 2)),
            "day": pa.array(late, pa.int32()).cast(pa.date32()),
            "span": pa.array(late, pa.duration("ms")),
            "raw": pa.array([None if t is None else t.encode() for t in text]),
            "many": pa.array([[1.5] * (row % 3) for row in range(rows)]),
            "none": pa.nulls(rows),
        }
    )


@pytest.mark.parametrize("keys", [["id", "at"], ["at"], ["text", "late"], ["price", "day", "large"], []])
@pytest.mark.parametrize("window", [{}, {"as_of": "2025-01-08T00:00:00+00:00"}])
def test_parquet_files_in_batches_are_what_they_are_at_once(
    tmp_path: Path, keys: list[str], window: dict[str, str]
) -> None:
    rows = table(40)
    (tmp_path / "rows").mkdir()
    pq.write_table(rows[:30], tmp_path / "rows" / "a.parquet", row_group_size=7)
    pq.write_table(rows[30:].drop_columns("flag"), tmp_path / "rows" / "b.parquet")
    data = {"source": {"type": "parquet", "filepath": "rows"}, "target": "y", "keys": keys, "time": None}
    dataset, fault = assert_same(
        tmp_path, data if "at" not in keys else {**data, "time": {}}, batch=900, **window
    )
    assert dataset is not None, fault


def test_times_of_whole_numbers_beside_gaps_are_quoted_as_they_are_written(tmp_path: Path) -> None:
    """All rows together are floats, a batch of them without a gap is not."""
    days = pa.array([20250101, 20251345, None] * 4, pa.int32())
    pq.write_table(pa.table({"id": range(12), "at": days, "y": [0] * 12}), tmp_path / "rows.parquet")
    data = {"source": {"type": "parquet", "filepath": "rows.parquet"}, "target": "y", "keys": ["id", "at"],
            "time": {"column": "at", "format": "%Y%m%d", "max_quarantine": 0.9}}  # fmt: skip
    dataset, fault = assert_same(tmp_path, data, batch=8)
    assert dataset is not None, fault
    assert dataset.times is not None
    assert dataset.times.examples == ("'20251345'", "empty")


def test_a_key_of_lists_is_refused(tmp_path: Path) -> None:
    lists = [[number, 1] for number in range(12)]
    pq.write_table(pa.table({"id": lists, "y": [0] * 12}), tmp_path / "rows.parquet")
    data = {
        "source": {"type": "parquet", "filepath": "rows.parquet"},
        "target": "y",
        "keys": ["id"],
        "time": None,
    }
    _, fault = assert_same(tmp_path, data, batch=8)
    assert "cannot sort by the keys id: its values have no order" in fault


@pytest.mark.parametrize("more", ["1,a\n1,b\n", "x,a\n"])
def test_further_rows_are_judged_even_when_no_row_has_a_key(tmp_path: Path, more: str) -> None:
    (tmp_path / "rows.csv").write_text("id,k,y\n" + "".join(f"{number},,0\n" for number in range(9)))
    (tmp_path / "more.csv").write_text(f"k,z\n{more}")
    join = {"source": {"type": "csv", "filepath": "more.csv"}, "by": ["k"]}
    data = {
        "source": {"type": "csv", "filepath": "rows.csv"},
        "target": "y",
        "keys": ["id"],
        "join": [join],
        "time": None,
    }
    _, fault = assert_same(tmp_path, data)
    assert "more.csv: " in fault
    assert "no match" not in fault


def test_columns_with_a_point_in_their_name_count_for_the_size_of_a_batch(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"id": range(90), "shop.size": ["x" * 50] * 90, "y": [0] * 90}), tmp_path / "rows.parquet"
    )
    source = {"type": "parquet", "filepath": "rows.parquet"}
    data = {"source": source, "target": "y", "keys": [], "time": None, "columns": {"use": ["shop.size"]}}
    asked = call(tmp_path, data, str(tmp_path / "artifacts"))
    request = request_of(
        asked.pipeline.data, base=tmp_path, connections=asked.connections, report=ReadReport()
    )
    with sizes(whole=700, batch=200):  # of "y" alone there are fewer bytes
        found = ParquetSource().batches(request)
    assert found is not None


def test_a_key_that_no_order_has_is_named(tmp_path: Path) -> None:
    pd.DataFrame({"id": [1, 2], "y": 0}).to_parquet(tmp_path / "rows.parquet")
    data = {"source": {"type": "parquet", "filepath": "rows.parquet"}, "target": "y", "keys": ["idd"]}
    _, fault = assert_same(tmp_path, data)
    assert "no column 'idd'" in fault


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a bad line deep in the file", "id,y\n" + "1,0\n" * 50 + "1,2,3\n" + "1,0\n" * 20),
        ("cut short", "id,x,y\n" + "1,2,0\n" * 50 + "1,2"),
        ("short lines", "id,x,y\n" + "1,2,0\n" * 50 + "1,2\n" * 2 + "1,2,1\n"),
        ("two columns of one name", "id,y,y\n" + "1,0,0\n" * 9),
        ("zeros", "id,y\n" + "007,0\n" * 9),
        ("a column without a name", ",id,y\n" + "7,7,0\n" * 9),
        ("digits that floats lose", "id,x,y\n" + "1,2,0\n" * 9 + "1,9007199254740993,0\n1,,0\n"),
        ("not UTF-8", "id,y\n" + "1,0\n" * 50 + "\udcff,0\n"),
        ("no row", "id,y\n"),
        ("more cells than names in every line", "id,y\n" + "1,0,5\n" * 9),
        ("a comma as decimal mark", "id;x;y\n" + "1;1,5;0\n" * 9),
    ],
)
def test_what_is_wrong_in_a_file_is_said_as_when_it_is_read_at_once(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / "rows.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    sep = {"load_args": {"sep": ";"}} if ";" in text else {}
    source = {"type": "csv", "filepath": "rows.csv", **sep}
    dataset, fault = assert_same(tmp_path, {"source": source, "target": "y", "keys": ["id"], "time": None})
    assert fault or (dataset is not None and dataset.notes), name


@pytest.mark.parametrize(
    "arguments",
    [
        {"dtype": {"x": "str"}}, {"dtype": {"x": "Int64"}}, {"dtype": "str"}, {"dtype": {"x": "float32"}},
        {"usecols": ["y", "id"]}, {"na_values": ["2"]}, {"on_bad_lines": "skip"},
        {"dtype": {"x": "category"}}, {"nrows": 7}, {"dtype": {"x": "Float64"}},
        {"dtype": {"x": "int64[pyarrow]"}},
    ],
)  # fmt: skip
def test_arguments_mean_the_same_for_batches(tmp_path: Path, arguments: dict[str, Any]) -> None:
    bad = "1,2,3,4,5\n" if "on_bad_lines" in arguments else ""
    (tmp_path / "rows.csv").write_text("id,x,y\n" + "2,1,0\n1,,1\n" * 9 + bad + "3,2,0\n" * 5)
    source = {"type": "csv", "filepath": "rows.csv", "load_args": arguments}
    dataset, fault = assert_same(tmp_path, {"source": source, "target": "y", "keys": ["id"], "time": None})
    assert dataset is not None, fault


def test_folders_are_columns_of_batches(tmp_path: Path) -> None:
    for day in (1, 2):
        (tmp_path / f"rows/day={day}/part=a").mkdir(parents=True)
        (tmp_path / f"rows/day={day}/part=a/r.csv").write_text("id,y\n" + "1,0\n" * 9)
    for place in ("rows", "rows/day=2/part=a/r.csv", "rows/day=2"):
        source = {"type": "csv", "filepath": place}
        assert_same(tmp_path, {"source": source, "target": "y", "keys": ["id"], "time": None})


@pytest.mark.parametrize(
    "chosen",
    [
        {"use": ["two"]},
        {"drop": ["two", "shop_size"]},
        {"use": ["tow"]},
        {"drop": ["tow"]},
        {"drop": ["shop"]},
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_that_are_not_used_are_not_read_and_a_wrong_name_is_refused(
    tmp_path: Path, chosen: dict[str, Any], kind: str
) -> None:
    """Keys, target, time and what is joined by stay; a joined column may not have a dropped one's name."""
    frame = pd.DataFrame({"id": [3, 1, 2] * 4, "y": 0, "one": "1", "two": [0.5, None, 2] * 4, "shop": 1})
    frame["at"] = "2025-01-01"
    (tmp_path / "rows").mkdir()
    for part in (0, 1):
        some = frame[part * 6 : part * 6 + 6]
        some = some if part else some.drop(columns="one")
        path = tmp_path / "rows" / f"{part}.{kind}"
        some.to_csv(path, index=False) if kind == "csv" else some.to_parquet(path, index=False)
    (tmp_path / "shops.csv").write_text("shop,size,two\n1,2,3\n")
    join = {"source": {"type": "csv", "filepath": "shops.csv"}, "by": ["shop"], "prefix": "shop_"}
    data = {
        "source": {"type": kind, "filepath": "rows"},
        "target": "y",
        "keys": ["id", "at"],
        "columns": chosen,
    }
    dataset, fault = assert_same(tmp_path, {**data, "join": [join]}, batch=200)
    assert (dataset is None) == ("tow" in str(chosen)), fault
    _, twice = assert_same(tmp_path, {**data, "join": [{**join, "prefix": ""}]}, batch=200)
    assert "would be there twice" in twice or "tow" in twice


def test_parquet_columns_that_are_not_used_are_not_opened(tmp_path: Path) -> None:
    """A column whose values cannot be read any more is of no account where it is dropped."""
    path = tmp_path / "rows.parquet"
    pq.write_table(
        pa.table({"id": [1, 2], "y": [0, 1], "bad": ["broken" * 50] * 2}), path, compression="none"
    )
    path.write_bytes(path.read_bytes().replace(b"broken" * 50, b"\xff" * 300))
    data = {
        "source": {"type": "parquet", "filepath": "rows.parquet"},
        "target": "y",
        "keys": ["id"],
        "time": None,
    }
    dataset, fault = assert_same(tmp_path, {**data, "columns": {"drop": ["bad"]}})
    assert dataset is not None, fault
