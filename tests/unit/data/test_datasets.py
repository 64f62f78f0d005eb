from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data import datasets as data
from airflow_mlops.data.source_rows import read_rows

FRAME = pd.DataFrame(
    {
        "id": [3, 1, 2, 4],
        "at": pd.to_datetime(["2024-01-03", "2024-01-01", "2024-01-02", "2024-01-04"], utc=True),
        "y": [1, 0, 1, 0],
    }
)


def section(filepath: str | None = "rows.parquet", kind: str = "parquet", **more: Any) -> Data:
    source = {"type": kind, "filepath": filepath, **more.pop("source", {})}
    return Data.model_validate({"source": source, "target": "y", "keys": ["id", "at"], **more})


def test_rows_come_sorted_by_the_keys(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "rows.parquet")
    assert read_rows(section(), base=tmp_path)["id"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["aware", "naive", "text", "date"])
def test_the_window_starts_inclusive_and_ends_exclusive_for_every_kind_of_time(
    tmp_path: Path, kind: str
) -> None:
    at = FRAME["at"]
    forms = {
        "aware": at.dt.tz_convert("America/New_York"),
        "naive": at.dt.tz_localize(None),
        "text": at.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "date": at.dt.date,
    }
    FRAME.assign(at=forms[kind]).to_parquet(tmp_path / "rows.parquet")
    start, end = dt.datetime(2024, 1, 2, tzinfo=dt.UTC), dt.datetime(2024, 1, 4, tzinfo=dt.UTC)
    assert read_rows(section(), base=tmp_path, start=start, end=end)["id"].tolist() == [2, 3]


def test_a_window_without_rows_says_what_there_is(tmp_path: Path) -> None:
    FRAME.assign(at=FRAME["at"].dt.strftime("%Y-%m-%d")).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataRejected, match=r"0 rows with at from the beginning to 2023-.*go from 2024-01-01"):
        read_rows(section(), base=tmp_path, end=dt.datetime(2023, 1, 1, tzinfo=dt.UTC))


def test_a_hive_folder_keeps_its_partition_as_a_plain_column(tmp_path: Path) -> None:
    FRAME.assign(region=["n", "s", "n", "s"]).to_parquet(tmp_path / "rows", partition_cols=["region"])
    frame = read_rows(section("rows"), base=tmp_path)
    assert frame["region"].tolist() == ["s", "n", "n", "s"]
    assert not isinstance(frame["region"].dtype, pd.CategoricalDtype)


@pytest.mark.parametrize(("kind", "name"), [("csv", "part1.csv"), ("json", "part1.jsonl")])
def test_a_folder_of_text_files_is_read_in_the_order_of_names(tmp_path: Path, kind: str, name: str) -> None:
    for part, rows in (("2", FRAME[2:]), ("1", FRAME[:2])):
        path = tmp_path / "rows" / name.replace("1", part)
        path.parent.mkdir(exist_ok=True)
        if kind == "csv":
            rows.to_csv(path, index=False)
        else:
            rows.to_json(path, orient="records", lines=True, date_format="iso")
    frame = read_rows(section("rows", kind, keys=[]), base=tmp_path)
    assert frame["id"].tolist() == [3, 1, 2, 4]


def test_load_args_reach_the_reader_and_a_wrong_one_is_a_config_error(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "rows.csv", index=False, sep=";")
    good = section("rows.csv", "csv", source={"load_args": {"sep": ";"}})
    assert len(read_rows(good, base=tmp_path)) == 4
    bad = section("rows.csv", "csv", source={"load_args": {"seperator": ";"}})
    with pytest.raises(ConfigError, match=r"pandas\.read_csv.*seperator"):
        read_rows(bad, base=tmp_path)


def test_a_function_is_a_source_and_its_error_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "loader_a.py").write_text(
        "import pandas as pd\n"
        "def rows(n):\n    return pd.DataFrame({'id': range(n), 'at': ['2024-01-01'] * n, 'y': 0})\n"
        "def broken(n):\n    return {}['customers']\n"
    )
    wanted = section(None, "callable", source={"callable": "loader_a:rows", "load_args": {"n": 3}})
    assert len(read_rows(wanted, base=tmp_path)) == 3
    broken = section(None, "callable", source={"callable": "loader_a:broken", "load_args": {"n": 3}})
    with pytest.raises(
        ConfigError, match=r"loader_a:broken failed at loader_a\.py:5: .*KeyError: 'customers'"
    ):
        read_rows(broken, base=tmp_path)


def test_a_wrong_path_names_the_file_beside_it(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ConfigError, match=r"no such file .*row\.parquet \(did you mean rows\.parquet\?\)"):
        read_rows(section("row.parquet"), base=tmp_path)


def test_a_missing_column_names_its_neighbour_unless_the_target_may_come_later(tmp_path: Path) -> None:
    FRAME.rename(columns={"y": "yy"}).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ConfigError, match=r"no column 'y' \(did you mean yy\?\); has id, at, yy"):
        read_rows(section(), base=tmp_path)
    assert len(read_rows(section(), base=tmp_path, need_target=False)) == 4


def test_a_file_of_another_kind_is_rejected_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_text("id,at,y\n")
    with pytest.raises(DataRejected) as caught:
        read_rows(section(), base=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["{tmp}/data", "memory://datasets"])
def test_a_dataset_is_written_once_and_reads_back_equal(tmp_path: Path, folder: str) -> None:
    target = folder.format(tmp=tmp_path)
    first = data.write_dataset(FRAME, target)
    assert data.write_dataset(FRAME, target) == first
    assert first.uri.endswith(f"/{first.digest}.parquet")
    pd.testing.assert_frame_equal(data.read_dataset(first), FRAME)
    assert data.read_dataset(first, columns=["y"]).columns.tolist() == ["y"]


def test_cells_that_parquet_cannot_hold_are_rejected_and_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataRejected, match=r"cannot be stored: .*'note'.*; drop it with data\.columns"):
        data.write_dataset(pd.DataFrame({"y": [1], "note": [{}]}), str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_no_half_written_file_stays_behind(tmp_path: Path) -> None:
    bad = pd.DataFrame({"a": [object()]})
    with pytest.raises(pa.ArrowException):
        data.write_dataset(bad, str(tmp_path / "data"))
    assert list((tmp_path / "data").iterdir()) == []
