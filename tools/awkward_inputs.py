"""The page of awkward inputs: each is written to a folder and read, and the page says what came of it."""

from __future__ import annotations

import decimal
import gzip
import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_mlops.config.models import Data
from airflow_mlops.core.connection import Connection
from airflow_mlops.core.errors import BackendError, MlopsError
from airflow_mlops.data.connections import Environment, engine_of
from airflow_mlops.data.datasets import read_dataset, write_dataset
from airflow_mlops.data.source_rows import read_rows
from airflow_mlops.data.sources.report import ReadReport

ROWS: Final = pd.DataFrame({"id": [1, 2, 3, 4], "x": [0.5, -1.5, 2.25, 4.0], "y": [0, 1, 0, 1]})
FILES: Final = ("csv", "json", "parquet", "excel")
_ENDINGS: Final = {"csv": "csv", "json": "jsonl", "parquet": "parquet", "excel": "xlsx"}
_HEAD: Final = """# Awkward inputs

What each type of source does with input that is not ideal. This page is generated: `python -m tools.docs`
writes each input, reads it and notes what came of it; a test does it again. The columns are `id`, `x` and the
target `y`, the files have 2 or 4 rows. *Reported* is in the record of `ingest`, in its log and at the
terminal; *refused* ends the task without a retry.
"""

Place = dict[str, Any]
Maker = Callable[[Path, str], Place | None]


def write(rows: pd.DataFrame, path: Path, kind: str) -> Path:
    """Write rows as a file of a type; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "csv":
        rows.to_csv(path, index=False)
    elif kind == "json":
        rows.to_json(path, orient="records", lines=True, date_format="iso")
    elif kind == "parquet":
        rows.to_parquet(path, index=False)
    else:
        rows.to_excel(path, index=False)
    return path


def _two(tmp: Path, kind: str, first: pd.DataFrame, second: pd.DataFrame) -> Place:
    end = _ENDINGS[kind]
    write(first, tmp / "rows" / f"a.{end}", kind)
    write(second, tmp / "rows" / f"b.{end}", kind)
    return {"filepath": "rows"}


def _one(tmp: Path, kind: str, rows: pd.DataFrame) -> Place:
    return {"filepath": write(rows, tmp / f"rows.{_ENDINGS[kind]}", kind).name}


def _leftovers(tmp: Path, kind: str) -> Place:
    place, end = _two(tmp, kind, ROWS[:2], ROWS[2:]), _ENDINGS[kind]
    for name in (f"all.{end}.bak", f".a.{end}.crc", f".hidden.{end}", f"_old.{end}", f"~$a.{end}"):
        (tmp / "rows" / name).write_bytes((tmp / "rows" / f"a.{end}").read_bytes())
    for folder in (".ipynb_checkpoints", "_temporary"):
        write(ROWS, tmp / "rows" / folder / f"a.{end}", kind)
    (tmp / "rows" / "_SUCCESS").touch()
    return place


def _pattern(tmp: Path, kind: str) -> Place:
    _two(tmp, kind, ROWS[:2], ROWS[2:])
    return {"filepath": f"rows/[ab].{_ENDINGS[kind]}"}


def _list(tmp: Path, kind: str) -> Place:
    _two(tmp, kind, ROWS[:2], ROWS[2:])
    return {"filepath": [f"rows/b.{_ENDINGS[kind]}", "rows"]}


def _link(tmp: Path, kind: str) -> Place:
    place, end = _two(tmp, kind, ROWS[:2], ROWS[2:]), _ENDINGS[kind]
    (tmp / "rows" / f"latest.{end}").symlink_to(tmp / "rows" / f"b.{end}")
    return place


def _copy(tmp: Path, kind: str) -> Place:
    place, end = _two(tmp, kind, ROWS[:2], ROWS[2:]), _ENDINGS[kind]
    (tmp / "rows" / f"b (1).{end}").write_bytes((tmp / "rows" / f"b.{end}").read_bytes())
    return place


def _loop(tmp: Path, kind: str) -> Place:
    place = _two(tmp, kind, ROWS[:2], ROWS[2:])
    (tmp / "rows" / "again").symlink_to(tmp / "rows")
    return place


def _broken_link(tmp: Path, kind: str) -> Place:
    place = _two(tmp, kind, ROWS[:2], ROWS[2:])
    (tmp / "rows" / f"c.{_ENDINGS[kind]}").symlink_to(tmp / "gone")
    return place


def _no_bytes(tmp: Path, kind: str) -> Place:
    (tmp / f"rows.{_ENDINGS[kind]}").touch()
    return {"filepath": f"rows.{_ENDINGS[kind]}"}


def _no_bytes_among(tmp: Path, kind: str) -> Place:
    place = _two(tmp, kind, ROWS[:2], ROWS[2:])
    (tmp / "rows" / f"b.{_ENDINGS[kind]}").write_bytes(b"")
    return place


def _cut_short(tmp: Path, kind: str) -> Place | None:
    if kind in ("csv", "json"):  # of plain text nobody can know
        path = tmp / f"rows.{_ENDINGS[kind]}.gz"
        path.write_bytes(gzip.compress(write(ROWS, tmp / "whole", kind).read_bytes(), mtime=0)[:-12])
        return {"filepath": path.name}
    place = _one(tmp, kind, ROWS)
    path = tmp / place["filepath"]
    path.write_bytes(path.read_bytes()[:-30])
    return place


def _other_type(tmp: Path, kind: str) -> Place:
    path = tmp / f"rows.{_ENDINGS[kind]}"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\xff\x00\n")
    return {"filepath": path.name}


def _zip(tmp: Path, kind: str) -> Place | None:
    if kind not in ("csv", "json"):
        return None
    with zipfile.ZipFile(tmp / f"rows.{_ENDINGS[kind]}.zip", "w") as archive:
        for name in ("a", "b"):
            path = write(ROWS, tmp / f"{name}.{_ENDINGS[kind]}", kind)
            archive.write(path, path.name)
    return {"filepath": f"rows.{_ENDINGS[kind]}.zip"}


def _mac_zip(tmp: Path, kind: str) -> Place | None:
    if kind not in ("csv", "json"):
        return None
    with zipfile.ZipFile(tmp / f"rows.{_ENDINGS[kind]}.zip", "w") as archive:
        path = write(ROWS, tmp / f"a.{_ENDINGS[kind]}", kind)
        archive.write(path, path.name)
        archive.writestr(f"__MACOSX/._{path.name}", b"\x00")
    return {"filepath": f"rows.{_ENDINGS[kind]}.zip"}


def _twice(tmp: Path, kind: str) -> Place | None:
    rows = pd.concat([ROWS, ROWS[["x"]]], axis=1)
    if kind == "json":
        (tmp / "rows.jsonl").write_text('{"id": 1, "x": 1, "x": 2, "y": 0}\n')
        return {"filepath": "rows.jsonl"}
    if kind == "parquet":
        table = pa.Table.from_pandas(ROWS, preserve_index=False)
        pq.write_table(table.append_column("x", table["x"]), tmp / "rows.parquet")
        return {"filepath": "rows.parquet"}
    return _one(tmp, kind, rows)


def _mixed(tmp: Path, kind: str) -> Place | None:
    if kind == "parquet":
        return None  # a Parquet column has one type
    return _one(tmp, kind, ROWS.assign(z=pd.Series([1, "two", 3, 4], dtype=object)))


def _odd_number(tmp: Path, kind: str) -> Place | None:
    values = [f"{number}.5" for number in range(39)]
    rows = pd.concat([ROWS] * 10, ignore_index=True).assign(z=pd.Series([*values, "unknown"], dtype=object))
    return _one(tmp, kind, rows) if kind == "csv" else None


def _large(tmp: Path, kind: str) -> Place:
    return _one(tmp, kind, ROWS.assign(z=pd.array([2**53 + 1, None, 3, 4], dtype="Int64")))


def _decimals(tmp: Path, kind: str) -> Place | None:
    if kind != "parquet":
        return None
    return _one(
        tmp, kind, ROWS.assign(z=pd.Series([decimal.Decimal(f"{n}.10") for n in range(4)], dtype=object))
    )


def _lists(tmp: Path, kind: str) -> Place | None:
    return (
        _one(tmp, kind, ROWS.assign(z=pd.Series([[1, 2], [], [3], [4]], dtype=object)))
        if kind in ("json", "parquet")
        else None
    )


def _arrow(tmp: Path, kind: str) -> Place | None:
    if kind == "excel":
        return None
    place = _one(tmp, kind, ROWS.assign(z=pd.array([1, None, 3, 4], dtype="Int64")))
    return {**place, "load_args": {"dtype_backend": "pyarrow"}}


def _latin(tmp: Path, kind: str) -> Place | None:
    if kind not in ("csv", "json"):
        return None
    path = tmp / _one(tmp, kind, ROWS.assign(z="x"))["filepath"]
    path.write_bytes(path.read_text().replace("x\n", "ö\n").replace('"z":"x"', '"z":"ö"').encode("latin-1"))
    return {"filepath": path.name}


def _separator(tmp: Path, kind: str) -> Place | None:
    if kind != "csv":
        return None
    ROWS.to_csv(tmp / "rows.csv", index=False, sep=";")
    return {"filepath": "rows.csv"}


def _text(content: str) -> Maker:
    def make(tmp: Path, kind: str) -> Place | None:
        (tmp / "rows.csv").write_text(content)
        return {"filepath": "rows.csv"} if kind == "csv" else None

    return make


def _codes(*texts: str) -> Maker:
    def make(tmp: Path, kind: str) -> Place | None:
        rows = ROWS[:2].assign(z=list(texts))
        return _one(tmp, kind, rows) if kind in ("csv", "excel") else None

    return make


def _formulas(tmp: Path, kind: str) -> Place | None:
    return _one(tmp, kind, ROWS.assign(z="=A2*2")) if kind == "excel" else None


def _contradiction(tmp: Path, kind: str) -> Place:
    write(ROWS.assign(day="2024-12-31"), tmp / "rows" / "day=2025-01-01" / f"a.{_ENDINGS[kind]}", kind)
    return {"filepath": "rows"}


def _partitions(tmp: Path, kind: str) -> Place:
    for day, part in (("2025-01-01", ROWS[:2]), ("2025-01-02", ROWS[2:])):
        write(part, tmp / "rows" / f"day={day}" / f"a.{_ENDINGS[kind]}", kind)
    return {"filepath": "rows"}


def _delta(tmp: Path, kind: str) -> Place | None:
    place = _two(tmp, kind, ROWS[:2], ROWS[2:])
    (tmp / "rows" / "_delta_log").mkdir()
    return place if kind == "parquet" else None


def _sheets(tmp: Path, kind: str) -> Place | None:
    if kind != "excel":
        return None
    with pd.ExcelWriter(tmp / "rows.xlsx") as book:
        ROWS.to_excel(book, sheet_name="sales", index=False)
        ROWS.to_excel(book, sheet_name="notes", index=False)
    return {"filepath": "rows.xlsx"}


def _quoted(tmp: Path, kind: str) -> Place:
    return _one(tmp, kind, ROWS.assign(**{'select "a"; --': 1}))


def _of(
    change: Callable[[pd.DataFrame], pd.DataFrame], second: Callable[[pd.DataFrame], pd.DataFrame]
) -> Maker:
    return lambda tmp, kind: _two(tmp, kind, change(ROWS[:2]), second(ROWS[2:]))


INPUTS: Final[Mapping[str, Maker]] = {
    "a folder with backups, hidden files, `_SUCCESS`, checksums, checkpoints": _leftovers,
    "a pattern": _pattern,
    "a list that names one file twice": _list,
    "a link to a file beside it": _link,
    "a copy of a file beside it": _copy,
    "a folder that links to itself": _loop,
    "a link that leads nowhere": _broken_link,
    "names of folders that hold a column (`day=2025-01-01/`)": _partitions,
    "an empty file": _no_bytes,
    "an empty file among others": _no_bytes_among,
    "no row": lambda tmp, kind: _one(tmp, kind, ROWS[:0]),
    "a file without rows among others": _of(lambda rows: rows, lambda rows: rows[:0]),
    "a file that is cut short": _cut_short,
    "content of another type": _other_type,
    "a zip of two files": _zip,
    "a zip of one file, made on a Mac": _mac_zip,
    "a table of Delta Lake": _delta,
    "two sheets": _sheets,
    "a column that comes later": _of(lambda rows: rows, lambda rows: rows.assign(z=1)),
    "a file without the target": _of(lambda rows: rows, lambda rows: rows.rename(columns={"y": "Y"})),
    "whole numbers in one file, floats in another": _of(
        lambda rows: rows.assign(z=1), lambda rows: rows.assign(z=1.5)
    ),
    "whole numbers in one file, text in another": _of(
        lambda rows: rows.assign(z=1), lambda rows: rows.assign(z="A1")
    ),
    "a column that has no value in one file": _of(
        lambda rows: rows.assign(z=None), lambda rows: rows.assign(z="A1")
    ),
    "two columns of one name": _twice,
    "a column name with quotes and an SQL keyword": _quoted,
    "numbers and text in one column": _mixed,
    "one word in a column of numbers": _odd_number,
    "whole numbers above 2^53 beside a gap": _large,
    "codes with leading zeros": _text("id,x,y\n007,1,0\n008,2,1\n"),
    "decimals": _decimals,
    "lists in cells": _lists,
    "`dtype_backend: pyarrow`": _arrow,
    "Latin-1 text": _latin,
    "semicolons": _separator,
    "decimal commas": _text('id,x,y\n1,"1,5",0\n2,"2,5",1\n'),
    "a line with too many cells": _text("id,x,y\n1,1,0\n2,2,1,9\n"),
    "a line with too few cells": _text("id,x,y\n1,1,0\n2,2,1\n3,1\n"),
    "a last line that is cut short": _text("id,y,x\n1,1,0\n2,1"),
    "the texts `NA`, `null` and `None`": _text("id,x,y,z\n1,1,0,NA\n2,2,1,null\n3,2,1,None\n"),
    "every line with one cell more than the header": _text("id,x,y\n1,1,0,9\n2,2,1,9\n"),
    "a column without a name": _text(",id,x,y\n0,1,1,0\n1,2,2,1\n"),
    "the text `NA` as a code": _codes("NA", "DE"),
    "texts with leading zeros": _codes("007", "008"),
    "formulas without a stored value": _formulas,
    "codes that look like powers of ten": _text("id,x,y\n1E5,1,0\n2E7,2,1\n"),
    "commas between thousands": _text('id,x,y\n1,"1,500",0\n2,"2,500",1\n3,"1,500,000",1\n'),
    "amounts with a sign": _text("id,x,y\n1,$5,0\n2,$7.50,1\n"),
    "a quote that is not closed": _text('id,x,y\n1,"a,0\n2,b,1\n3,c",0\n4,d,1\n'),
    "names of folders that contradict a column of the file": _contradiction,
}


def outcome(kind: str, make: Maker, folder: Path) -> str | None:
    """Return what reading an input gives in one line, or None where it cannot be of this type."""
    place = make(folder, kind)
    if place is None:
        return None
    section = Data.model_validate({"source": {"type": kind, **place}, "target": "y", "keys": ["id"]})
    return _told(lambda report: read_rows(section, base=folder, report=report), folder)


def _told(read: Callable[[ReadReport], pd.DataFrame], folder: Path) -> str:
    report = ReadReport()
    try:
        rows = read(report)
        back = read_dataset(write_dataset(rows, str(folder / "data")))
    except BackendError as error:
        return f"**retried**: {_short(str(error), folder)}"
    except MlopsError as error:
        return f"**refused**: {_short(str(error), folder)}"
    pd.testing.assert_frame_equal(back, rows)
    known = set(ROWS.columns)
    more = ", ".join(f"`{name}` ({dtype})" for name, dtype in back.dtypes.items() if name not in known)
    text = f"{len(back)} rows{f' with {more}' if more else ''}"
    return "; ".join([text, *(f"reported: {_short(note, folder)}" for note in report.notes)])


def _short(text: str, folder: Path) -> str:
    text = re.sub(r"0x[0-9a-f]+", "0x…", text.replace(f"{folder}/", "").replace(str(folder), "."))
    return text.replace("|", "\\|").replace("<", "&lt;")


def _queries() -> Iterator[tuple[str, str]]:
    """Yield awkward queries and what comes of them, in SQLite."""
    inputs = {
        "a column name with quotes and an SQL keyword": 'SELECT *, 1 AS "select ""a""; --" FROM rows',
        "two columns of one name": "SELECT *, x FROM rows",
        "no row": "SELECT * FROM rows WHERE id > 9",
        "a missing table": "SELECT * FROM nowhere",
        "two statements": "SELECT * FROM rows; DELETE FROM rows",
        "a statement that writes": "DELETE FROM rows",
        "numbers and text in one column": "SELECT *, CASE id WHEN 1 THEN 1 ELSE 'two' END AS z FROM rows",
        "whole numbers above 2^53 beside a gap": (
            "SELECT *, CASE id WHEN 1 THEN 9007199254740993 END AS z FROM rows"
        ),
    }
    for name, sql in inputs.items():
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            with sqlite3.connect(folder / "rows.db") as connection:
                ROWS.to_sql("rows", connection, index=False)
            connection.close()
            yield name, _told(_query(sql, folder), folder)


def _query(sql: str, folder: Path) -> Callable[[ReadReport], pd.DataFrame]:
    class Connections(Environment):
        def engine(self, conn_id: str) -> Any:
            host = str(folder / "rows.db")
            return engine_of(Connection(conn_id=conn_id, conn_type="sqlite", host=host))

    source = {"type": "sql", "sql": sql, "conn_id": "db"}
    section = Data.model_validate({"source": source, "target": "y", "keys": ["id"]})
    return lambda report: read_rows(section, base=folder, connections=Connections(), report=report)


def awkward_page() -> str:
    """Return the page, one table for each type of source."""
    parts = [_HEAD]
    for kind in FILES:
        lines = [f"## {kind}\n", "| input | what comes of it |", "|---|---|"]
        for name, make in INPUTS.items():
            with tempfile.TemporaryDirectory() as folder:
                found = outcome(kind, make, Path(folder).resolve())
            if found is not None:
                lines.append(f"| {name} | {found} |")
        parts.append("\n".join([*lines, ""]))
    lines = ["## sql\n", "| input | what comes of it |", "|---|---|"]
    parts.append("\n".join([*lines, *(f"| {name} | {found} |" for name, found in _queries()), ""]))
    return "\n".join(parts)
