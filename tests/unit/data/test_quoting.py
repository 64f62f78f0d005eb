"""``validate.samples: none``: no note, log, record or error of reading quotes a cell; by default they do."""

from __future__ import annotations

import gzip
import logging
import sqlite3
import traceback
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import DataRejected, MlopsError
from airflow_mlops.core.records import summarize
from airflow_mlops.data.test_set import set_apart
from airflow_mlops.monitoring.labels import Labels
from airflow_mlops.stages import ingest
from tests.unit.data.batches import call, sizes

MARK = "Zq7"
"""A text that stands in cells of each kind of trouble, and nowhere else."""
NUMBER = "424242424"
"""The same for cells that must be numbers."""


def csv(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "rows.csv").write_text(text) and None


def more(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "rows.csv").write_text("id,y\nk1,0\nk2,1\n")
        (folder / "more.csv").write_text(text)

    return write


def excel(folder: Path) -> None:
    codes = [f"00{NUMBER}", f"00{NUMBER}", "NA", "a"]
    pd.DataFrame({"id": codes, "y": 0}).to_excel(folder / "rows.xlsx", index=False)


def folders(folder: Path) -> None:
    place = folder / "data" / f"code=0{NUMBER}"
    place.mkdir(parents=True)
    (place / "rows.csv").write_text("id,y\n1,0\n")


def parquet(folder: Path) -> None:
    days = [f"{MARK}{number}" for number in range(9)] + ["2024-01-01"]
    pd.DataFrame({"id": range(10), "at": days, "y": 0}).to_parquet(folder / "rows.parquet")


def database(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE t (id int, at text, y)")
        shop.executemany("INSERT INTO t VALUES (?, ?, ?)", [(1, MARK, 0), (2, "2024-01-01", MARK)])


def many(cell: str, rows: int = 20) -> str:
    return "".join(f"{number},{cell if number == rows - 1 else number},0\n" for number in range(rows))


@dataclass(frozen=True)
class Trouble:
    """Files, the section ``data`` that reads them, and words of the note or the error."""

    write: Callable[[Path], Any]
    words: str
    data: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=lambda: {"type": "csv", "filepath": "rows.csv"})
    mark: str = MARK
    quoted: bool = True
    """Whether the cell is quoted by default."""


JOIN = {"source": {"type": "csv", "filepath": "more.csv"}, "by": ["id"]}
TIMED = {"keys": ["id", "at"]}
SQL = {"type": "sql", "conn_id": "shop"}
OF_CSV = {
    "a few texts": Trouble(csv(f"id,x,y\n{many(MARK)}"), "1 of its 20"),
    "read as missing": Trouble(csv(f"id,x,y\n{many('NA')}1,{MARK},0\n"), "read as missing", mark="'NA'"),
    "codes": Trouble(csv(f"id,x,y\n1,00{NUMBER},0\n"), "leading zeros", mark=NUMBER),
    "signs": Trouble(csv(f"id,x,y\n1,${NUMBER},0\n"), "numbers with a sign", mark=NUMBER),
    "too many cells": Trouble(csv(f"id,y\n1,0\n2,{MARK},0\n"), "Expected 2 fields in line 3", quoted=False),
    "not the type": Trouble(
        csv(f"id,x,y\n1,2,0\n1,{MARK},0\n"), "cannot read",
        source={"type": "csv", "filepath": "rows.csv", "load_args": {"dtype": {"x": "float64"}}},
    ),
    "beyond 64 bits": Trouble(
        csv(f"id,x,y\n1,{NUMBER * 4},0\n2,-{NUMBER * 4},0\n"), "column 'x'", mark=NUMBER, quoted=False
    ),
    "codes of folders": Trouble(
        folders, "in the names of folders", source={"type": "csv", "filepath": "data"}, mark=f"'0{NUMBER}'"
    ),
    "not ISO 8601": Trouble(csv(f"id,at,y\n1,{MARK},0\n2,{MARK}b,0\n"), "not ISO 8601", TIMED),
    "not the format": Trouble(
        csv(f"id,at,y\n1,{MARK},0\n"), "can be read as %d.%m.%Y",
        {**TIMED, "time": {"column": "at", "format": "%d.%m.%Y"}},
    ),
    "unreadable times": Trouble(
        csv(f"id,at,y\n1,{MARK},0\n2,2024-01-01,0\n3,2024-01-01,0\n"), "1 of 3 rows", TIMED
    ),
    "quarantined times": Trouble(
        csv(f"id,at,y\n1,{MARK},0\n2,2024-01-01,0\n3,2024-01-01,0\n"), "1 row quarantined",
        {**TIMED, "time": {"column": "at", "max_quarantine": 0.5}},
    ),
    "times of no use": Trouble(
        csv(f"at,id,y\n{MARK},1,0\n2024-01-01,2,0\n"), "1 of 2 rows",
        {"keys": ["at", "id"], "time": {"column": "at"}},
    ),
    "several matches": Trouble(
        more(f"id,z\n{MARK},1\n{MARK},2\n"), "several rows that differ", {"join": [JOIN]}
    ),
    "no match": Trouble(more(f"id,z\n{MARK},1\n"), "2 of 2 rows have no match", {"join": [JOIN]}),
    "join times": Trouble(
        lambda folder: [
            (folder / "rows.csv").write_text("id,at,y\nk1,2024-01-02,0\n"),
            (folder / "more.csv").write_text(f"id,since,z\nk1,{MARK},1\n"),
        ],
        "1 of 1 rows have no time in 'since'",
        {**TIMED, "join": [{**JOIN, "time": "since"}]},
    ),
}  # fmt: skip
OTHERS = {
    "mixed types": Trouble(
        lambda folder: (folder / "rows.json").write_text(f'[{{"id": 1, "y": 0}}, {{"id": "{MARK}"}}]'),
        "mixes types: 1 int", source={"type": "json", "filepath": "rows.json"},
    ),
    "no JSON": Trouble(
        lambda folder: (folder / "rows.json").write_text(f'[{{"id": "{MARK}" {MARK}}}]'), "cannot read",
        source={"type": "json", "filepath": "rows.json"}, quoted=False,
    ),
    "types of Excel": Trouble(
        excel, "cannot read", mark="'a'",
        source={"type": "excel", "filepath": "rows.xlsx", "load_args": {"dtype": {"id": "float64"}}},
    ),
    "missing in Excel": Trouble(
        excel, "read as missing", source={"type": "excel", "filepath": "rows.xlsx"}, mark="'NA'"
    ),
    "times of Parquet": Trouble(
        parquet, "9 of 10 rows", {**TIMED, "time": {"column": "at"}},
        source={"type": "parquet", "filepath": "rows.parquet"},
    ),
    "cut short": Trouble(
        lambda folder: (folder / "rows.csv.gz").write_bytes(gzip.compress(f"id,y\n{MARK},1\n".encode())[:-9]),
        "cut short", source={"type": "csv", "filepath": "rows.csv.gz"}, quoted=False,
    ),
    "mixed types of a query": Trouble(
        database, "mixes types", source={**SQL, "sql": "SELECT id, y FROM t ORDER BY id"}
    ),
    "times of a query": Trouble(
        database, "1 of 2 rows", TIMED, source={**SQL, "sql": "SELECT id, at, 0 AS y FROM t"}
    ),
    "a value that the database refuses": Trouble(
        database, "the query on shop",
        source={**SQL, "sql": "SELECT id, json_extract('{}', at) AS z, y FROM t WHERE id = 1"},
    ),
    "a query of a table that is not there": Trouble(
        database, "no such table: visits", source={**SQL, "sql": "SELECT * FROM visits"}, quoted=False
    ),
    "arguments of a query": Trouble(
        database, "read_sql", source={**SQL, "sql": "SELECT id, at, 0 AS y FROM t",
                                      "load_args": {"dtype": {"at": "float64"}}},
    ),
}  # fmt: skip


def told(folder: Path, trouble: Trouble, samples: str, caplog: pytest.LogCaptureFixture) -> str:
    """All that a run shows: its log, and its record or the error with its causes."""
    data = {"source": trouble.source, "target": "y", "keys": ["id"], "time": None, **trouble.data}
    if "keys" in trouble.data and "time" not in trouble.data:
        del data["time"]
    checked = {"expect": [{"column": "y", "not_null": True}], "samples": samples}
    caplog.clear()
    try:
        record = ingest.run(call(folder, data, str(folder / "artifacts"), {"validate": checked}))
        shown = f"{record.to_json()} {summarize(record.to_json())}"
    except MlopsError as error:
        shown = "".join(traceback.format_exception(error))
    return f"{shown} {caplog.text}"


def shown_texts(
    folder: Path, trouble: Trouble, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """What a run shows with samples, and without them."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", f"sqlite:///{folder}/shop.db")
    caplog.set_level(logging.INFO)
    trouble.write(folder)
    return told(folder, trouble, "examples", caplog), told(folder, trouble, "none", caplog)


@pytest.mark.parametrize("name", [*OF_CSV, *OTHERS])
def test_without_samples_nothing_quotes_a_cell(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = (OF_CSV | OTHERS)[name]
    quoted, counted = shown_texts(tmp_path, trouble, caplog, monkeypatch)
    assert trouble.words in quoted
    assert trouble.mark in quoted or not trouble.quoted
    assert trouble.words in counted
    assert trouble.mark not in counted


@pytest.mark.parametrize("name", OF_CSV)
def test_without_samples_nothing_quotes_a_cell_of_rows_in_batches(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sizes(whole=0, batch=24, piece=400):
        quoted, counted = shown_texts(tmp_path, OF_CSV[name], caplog, monkeypatch)
    trouble = OF_CSV[name]
    assert trouble.words in quoted
    assert trouble.mark in quoted or not trouble.quoted
    assert trouble.words in counted
    assert trouble.mark not in counted


def test_without_samples_a_test_set_names_no_class() -> None:
    data = Data.model_validate({"source": {"type": "csv", "filepath": "a.csv"}, "target": "y"})
    train, test = (pd.DataFrame({"x": range(3), "y": ["a", "b", mark]}) for mark in ("b", MARK))
    for one, other in ((train, test), (test, train)):
        shown = []
        for samples in (True, False):
            try:
                shown.append(str(set_apart(one, other.assign(x=7), data, samples=samples)[2]))
            except DataRejected as error:
                shown.append(str(error))
        assert [MARK in text for text in shown] == [True, False]
        assert "class" in shown[1]


def test_without_samples_contradicting_labels_are_counted() -> None:
    data = Data.model_validate(
        {"source": {"type": "csv", "filepath": "a.csv"}, "target": "y", "keys": ["id"], "time": None}
    )
    rows = pd.DataFrame({"id": [MARK, MARK], "y": [0, 1]})
    for samples in (True, False):
        labels = Labels(data, rows, "labels.csv", timed=False, samples=samples)
        with pytest.raises(DataRejected, match="1 key has contradicting labels") as caught:
            labels._consistent(rows, ["id"])
        assert (MARK in str(caught.value)) == samples
