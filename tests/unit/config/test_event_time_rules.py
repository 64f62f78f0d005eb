"""A time that cannot be read is found before the first run, where a local file shows it."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.lint.libraries import Libraries

DAYS = [f"2025-01-{day:02}" for day in range(1, 11)]


def found(folder: Path, libraries: Libraries, values: Any, kind: str = "csv", **data: Any) -> list[str]:
    rows = pd.DataFrame({"id": range(len(values)), "at": values, "y": 0})
    if kind == "csv":
        rows.to_csv(folder / "rows.csv", index=False)
    elif kind == "parquet":
        rows.to_parquet(folder / "rows.parquet")
    source = {"type": kind, "filepath": f"rows.{kind}"}
    return linted(folder, libraries, {"source": source, "target": "y", "keys": ["id", "at"], **data})


def linted(
    folder: Path, libraries: Libraries, data: dict[str, Any], samples: str = "examples", **evaluate: Any
) -> list[str]:
    config = {
        "name": "own",
        "data": data,
        "train": {"estimator": "sklearn.linear_model.LogisticRegression"},
        "evaluate": {"metrics": ["accuracy"], **evaluate},
        "validate": {"expect": [{"column": "y", "not_null": True}], "samples": samples},
    }
    file = folder / "own.yaml"
    file.write_text(yaml.safe_dump(config))
    faults = lint_files([(file, folder)], libraries=libraries)
    return [f"{fault.path}: {fault.message}" for fault in faults]


@pytest.fixture(scope="module")
def libraries() -> Any:
    with Libraries() as own:
        yield own


@pytest.mark.parametrize(
    ("values", "time", "count"),
    [(DAYS, {}, 0), (["31/01/2025", *DAYS], {}, 1), (["31/01/2025"], {"format": "%d/%m/%Y"}, 0)],
)
def test_the_times_of_a_test_set_are_written_as_those_of_the_training_rows(
    tmp_path: Path, libraries: Libraries, values: list[str], time: dict[str, Any], count: int
) -> None:
    pd.DataFrame({"id": 1, "at": pd.to_datetime(DAYS), "y": 0}).to_parquet(tmp_path / "rows.parquet")
    pd.DataFrame({"id": 1, "at": values, "y": 0}).to_csv(tmp_path / "judged.csv", index=False)
    data = {"source": {"type": "parquet", "filepath": "rows.parquet"}, "target": "y", "keys": ["id", "at"]}
    data |= {"time": time} if time else {}
    said = linted(tmp_path, libraries, data, holdout={"source": {"type": "csv", "filepath": "judged.csv"}})
    reason = f"{count} of the first {len(values)} values of 'at' in judged.csv cannot be read as iso"
    assert len(said) == count
    assert all(text.startswith(f"evaluate.holdout.source: {reason}") for text in said)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("values", "time", "message"),
    [
        (["31/01/2025"] * 9 + ["01/02/2025"], None, 'data.keys.1: .*format: "%d/%m/%Y"'),
        ([20250101 + day for day in range(9)], None, 'data.keys.1: .*format: "%Y%m%d"'),
        ([*DAYS, "unknown"], None, r"data.keys.1: .* cannot be read as one \('unknown'\)"),
        (DAYS, {"format": "%d/%m/%Y"}, "data.time.format: none of the first values"),
        (["31/01/2025", "x"], {"format": "%d/%m/%Y"}, r"data.time.format: 1 of the first 2 .*\('x'\)"),
        ([1738303200], {"format": "epoch_s"}, ""),
        ([*DAYS, "unknown"], {"max_quarantine": 0.1}, ""),
        (["31/01/2025"], {"format": "%d/%m/%Y"}, ""),
        (DAYS, None, ""),
        (["31/01/2025"], "off", ""),
    ],
)
def test_the_first_values_of_a_local_file_are_read(
    tmp_path: Path, libraries: Libraries, kind: str, values: Any, time: Any, message: str
) -> None:
    declared = {} if time is None else {"time": False if time == "off" else time}
    faults = found(tmp_path, libraries, values, kind, **declared)
    if message:
        assert len(faults) == 1
        pd.testing.assert_series_equal(pd.Series(faults).str.match(message), pd.Series([True]))
    else:
        assert faults == []


@pytest.mark.parametrize("time", [{}, {"time": {"format": "%d/%m/%Y"}}])
@pytest.mark.parametrize("cells", [["marked"], ["marked", "31/01/2025"], ["marked", *DAYS]])
def test_without_samples_no_value_is_quoted(
    tmp_path: Path, libraries: Libraries, cells: list[str], time: dict[str, Any]
) -> None:
    pd.DataFrame({"id": 1, "at": cells, "y": 0}).to_csv(tmp_path / "rows.csv", index=False)
    source = {"type": "csv", "filepath": "rows.csv"}
    data = {"source": source, "target": "y", "keys": ["id", "at"], **time}
    own = {"source": source}
    quoted = linted(tmp_path, libraries, data, holdout=own)
    counted = linted(tmp_path, libraries, data, "none", holdout=own)
    assert len(counted) == len(quoted) > 0
    assert "marked" in " ".join(quoted)
    assert "marked" not in " ".join(counted)


@pytest.mark.parametrize(("values", "kind"), [(DAYS, "csv"), (pd.to_datetime(DAYS), "parquet")])
def test_a_time_that_is_not_the_last_key_is_found(
    tmp_path: Path, libraries: Libraries, values: Any, kind: str
) -> None:
    [fault] = found(tmp_path, libraries, values, kind, keys=["at", "id"])
    assert fault.startswith("data.keys.0: 'at', one of data.keys, is a time, but the last of them is 'id'")
    assert found(tmp_path, libraries, values, kind, keys=["at", "id"], time=False) == []


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(DAYS),
        pd.to_datetime(DAYS, utc=True).tz_convert("Europe/Berlin"),
        [dt.date(2025, 1, 1), None],
        [dt.datetime(2025, 1, 1), None],
    ],
    ids=["timestamps", "with a zone", "dates", "with a gap"],
)
def test_typed_times_of_parquet_are_times(tmp_path: Path, libraries: Libraries, values: Any) -> None:
    assert found(tmp_path, libraries, values, "parquet") == []


def test_a_query_cannot_compare_the_window_with_times_that_are_written_otherwise(
    tmp_path: Path, libraries: Libraries, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_mlops.config.models import Data
    from airflow_mlops.core.errors import ConfigError
    from airflow_mlops.data.source_rows import read_rows

    sqlite3.connect(tmp_path / "shop.db").execute(
        "CREATE TABLE t AS SELECT 1 AS id, 1738303200 AS at, 0 AS y"
    )
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", f"sqlite:///{tmp_path}/shop.db")
    source = {"type": "sql", "conn_id": "shop", "sql": "SELECT * FROM t WHERE at < :window_end"}
    data = {"source": source, "target": "y", "keys": ["id", "at"], "time": {"format": "epoch_s"}}
    assert (
        "data.time.format: :window_end is in UTC, but data.time declares the format epoch_s"
        in linted(tmp_path, libraries, data)[0]
    )
    with pytest.raises(ConfigError, match="the query on shop: :window_end is in UTC"):
        read_rows(Data.model_validate(data), base=tmp_path)
    whole = {**data, "source": {**source, "sql": "SELECT * FROM t"}}
    assert linted(tmp_path, libraries, whole) == []
    end = dt.datetime(2025, 2, 1, tzinfo=dt.UTC)
    assert len(read_rows(Data.model_validate(whole), base=tmp_path, end=end)) == 1


def test_a_column_that_is_declared_but_not_there_is_found_at_its_own_key(
    tmp_path: Path, libraries: Libraries
) -> None:
    faults = found(tmp_path, libraries, DAYS, time={"column": "att"})
    assert faults == ["data.time.column: column 'att' is not in rows.csv (did you mean at?)"]
