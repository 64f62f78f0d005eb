"""Labels that land apart from their rows: what is joined, what has not landed, what is a fault."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.config.models import Data, Source
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import ScoredWindow
from airflow_mlops.data.datasets import write_dataset
from airflow_mlops.monitoring.labels import Labels, batches, read_labels

START = datetime(2020, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)
DATA = Data(source=Source(type="parquet", filepath="rows"), target="late", keys=("id", "at"))
ROWS = pd.DataFrame({"id": range(8), "at": pd.date_range(START, periods=8, freq="3h"), "x": 1.0})


def window(folder: Path, rows: pd.DataFrame = ROWS, start: datetime = START) -> ScoredWindow:
    return ScoredWindow(
        dataset=write_dataset(rows, str(folder / "window")),
        model_version=1,
        run_id="r",
        start=start.isoformat(),
        end=(start + timedelta(days=1)).isoformat(),
        labelled=0,
    )


def landed(folder: Path, labels: pd.DataFrame, kind: str = "csv", **changes: Any) -> Labels:
    """Write labels as they land and read those of the day."""
    place = folder / f"labels.{kind}"
    labels.to_csv(place, index=False) if kind == "csv" else labels.to_parquet(place, index=False)
    source = Source(type=kind, filepath=str(place))
    return read_labels(DATA.model_copy(update=changes), source, base=folder, start=START, end=END)


def labels_of(rows: pd.DataFrame = ROWS) -> pd.DataFrame:
    return rows[["id", "at"]].assign(late=np.arange(len(rows)) % 2)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_labels_find_their_rows_whatever_their_order_and_type(tmp_path: Path, kind: str) -> None:
    """A CSV file has times as text; a Parquet file here has them without a zone, in nanoseconds."""
    labels = labels_of().iloc[::-1].drop(index=3)
    if kind == "parquet":
        labels["at"] = labels["at"].dt.tz_localize(None).dt.as_unit("ns")
    found = landed(tmp_path, labels, kind).of(window(tmp_path))
    assert found.isna().tolist() == [False, False, False, True, False, False, False, False]
    assert found.dropna().tolist() == [0, 1, 0, 0, 1, 0, 1]


def test_text_keys_are_compared_as_text(tmp_path: Path) -> None:
    rows = ROWS.assign(id=[f"{number:03d}" for number in range(8)])
    found = landed(tmp_path, labels_of(ROWS.assign(id=range(100, 108)))).of(
        window(tmp_path, rows.assign(id=[str(number) for number in range(100, 108)]))
    )
    assert found.notna().all()


def test_a_row_that_stands_twice_gets_its_label_twice(tmp_path: Path) -> None:
    twice = pd.concat([ROWS, ROWS.head(2)], ignore_index=True)
    assert landed(tmp_path, labels_of()).of(window(tmp_path, twice)).tolist() == [
        0,
        1,
        0,
        1,
        0,
        1,
        0,
        1,
        0,
        1,
    ]


def test_what_has_no_label_or_no_whole_key_has_not_landed(tmp_path: Path) -> None:
    labels = labels_of().astype({"late": "float64", "id": "float64"})
    labels.loc[0, "late"] = np.nan
    labels.loc[1, "id"] = np.nan
    found = landed(tmp_path, pd.concat([labels, labels.iloc[2:4]])).of(window(tmp_path))
    assert found.isna().tolist() == [True, True] + [False] * 6


def test_labels_of_other_days_and_entities_are_left_alone(tmp_path: Path) -> None:
    yesterday = labels_of().assign(at=lambda frame: frame["at"] - timedelta(days=1))
    strangers = labels_of().assign(id=lambda frame: frame["id"] + 50)
    found = landed(tmp_path, pd.concat([yesterday, strangers]))
    assert found.of(window(tmp_path)).isna().all()
    assert found.of(window(tmp_path, start=END)).isna().all()


def test_labels_that_contradict_each_other_are_counted_and_one_is_shown(tmp_path: Path) -> None:
    labels = labels_of()
    other = labels.iloc[[2, 5]].assign(late=[1, 0])
    found = landed(tmp_path, pd.concat([labels, other, labels.iloc[[0]]]))
    with pytest.raises(
        DataRejected,
        match=r"2 keys have contradicting labels in .*labels.csv, "
        r"e\.g\. id=2, at=2020-03-01 06:00:00\+00:00: 0 and 1; keep one label for each key",
    ):
        found.of(window(tmp_path))
    assert found.of(window(tmp_path, ROWS.drop(index=[2, 5]))).notna().all()


def test_keys_of_another_kind_are_told(tmp_path: Path) -> None:
    found = landed(tmp_path, labels_of().assign(id=[f"k{number}" for number in range(8)]))
    with pytest.raises(
        DataRejected, match="labels have keys of another type than the rows: id is str, not int64"
    ):
        found.of(window(tmp_path))


def test_labels_without_a_key_or_the_target_are_a_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"labels\.csv: no column 'id'; has at, late"):
        landed(tmp_path, labels_of().drop(columns="id"))
    with pytest.raises(ConfigError, match=r"no column 'late' \(did you mean late_\?\)"):
        landed(tmp_path, labels_of().rename(columns={"late": "late_"}))
    source = Source(type="csv", filepath=str(tmp_path / "labels.csv"), load_args={"zep": 1})
    with pytest.raises(ConfigError, match=r"monitor\.performance\.labels\.load_args does not fit"):
        read_labels(DATA, source, base=tmp_path, start=START, end=END)


def test_a_place_where_nothing_has_landed_yet_holds_no_labels(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("missing.parquet", "empty"):
        source = Source(type="parquet", filepath=name)
        found = read_labels(DATA, source, base=tmp_path, start=START, end=END)
        assert found.of(window(tmp_path)).isna().all()


def test_without_a_place_of_their_own_labels_are_in_the_data(tmp_path: Path) -> None:
    labels_of().assign(x=1.0).to_parquet(tmp_path / "rows")
    found = read_labels(DATA, None, base=tmp_path, start=START, end=END)
    assert found.of(window(tmp_path)).tolist() == [0, 1] * 4
    ROWS.to_parquet(tmp_path / "rows")
    found = read_labels(DATA, None, base=tmp_path, start=START, end=END)
    assert found.of(window(tmp_path)).isna().all()


def test_keys_without_a_time_are_enough_for_the_join(tmp_path: Path) -> None:
    labels = labels_of().drop(columns="at")
    assert landed(tmp_path, labels, keys=("id",)).of(window(tmp_path)).tolist() == [0, 1] * 4


def test_windows_are_read_in_groups_of_bounded_size(tmp_path: Path) -> None:
    windows = [window(tmp_path, ROWS, START + timedelta(days=day)) for day in range(7)]
    assert [len(group) for group in batches(windows, 24)] == [3, 3, 1]
    assert [len(group) for group in batches(windows, 1)] == [1] * 7
    assert batches([], 9) == []


def test_labels_of_a_database_are_asked_for_by_the_span(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = pd.concat([labels_of(), labels_of().assign(at=lambda frame: frame["at"] + timedelta(days=1))])
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        days.assign(at=days["at"].astype(str)).to_sql("labels", database, index=False)
    database.close()
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", f"sqlite:///{tmp_path}/shop.db")
    query = "SELECT * FROM labels WHERE at >= :window_start AND at < :window_end AND id > :least"
    source = Source(type="sql", sql=query, conn_id="shop", load_args={"params": {"least": 1}})
    found = read_labels(DATA, source, base=tmp_path, start=START, end=END)
    assert len(found.rows) == 6
    assert found.of(window(tmp_path)).isna().tolist() == [True, True] + [False] * 6
    later = read_labels(
        DATA, source, base=tmp_path, start=END + timedelta(days=5), end=END + timedelta(days=6)
    )
    assert later.of(window(tmp_path)).isna().all()
    wrong = source.model_copy(update={"sql": "SELECT id, late FROM labels"})
    with pytest.raises(ConfigError, match=r"the query on shop: no column 'at' .*; has id, late"):
        read_labels(DATA, wrong, base=tmp_path, start=START, end=END)


def test_labels_on_a_storage_whose_connection_nobody_knows_are_told(tmp_path: Path) -> None:
    source = Source(type="csv", filepath="s3://lake/labels.csv", conn_id="shop")
    with pytest.raises(ConfigError, match=r"^s3://lake/labels\.csv: the connection 'shop' of s3:// needs"):
        read_labels(DATA, source, base=tmp_path, start=START, end=END)
