"""Every source does what the shipped contract asks for: files, folders, functions and real databases."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.testing.sources import ROWS, SourceContract
from tests.support.postgres import running_postgres

QUERY = "SELECT * FROM visits WHERE at >= :window_start AND at < :window_end"


def section(**source: Any) -> Data:
    return Data.model_validate({"source": source, "target": "label", "keys": ["id", "at"]})


class FileContract(SourceContract):
    @pytest.fixture
    def base(self, tmp_path: Path) -> Path:
        return tmp_path

    @pytest.fixture
    def missing(self, section: Data) -> Data:
        source = section.source.model_copy(update={"filepath": "nowhere/rows"})
        return section.model_copy(update={"source": source})


class TestParquetFile(FileContract):
    @pytest.fixture
    def section(self, tmp_path: Path) -> Data:
        ROWS.to_parquet(tmp_path / "rows.parquet", index=False)
        return section(type="parquet", filepath="rows.parquet")


class TestParquetFolder(FileContract):
    @pytest.fixture
    def section(self, tmp_path: Path) -> Data:
        for label, rows in ROWS.groupby("label"):
            folder = tmp_path / "rows" / f"label={label}"
            folder.mkdir(parents=True)
            rows.drop(columns="label").to_parquet(folder / "part.parquet", index=False)
        return section(type="parquet", filepath="rows")


class TestCsvFolder(FileContract):
    @pytest.fixture
    def section(self, tmp_path: Path) -> Data:
        (tmp_path / "rows").mkdir()
        ROWS[:2].to_csv(tmp_path / "rows" / "a.csv", index=False)
        ROWS[2:].to_csv(tmp_path / "rows" / "b.csv.gz", index=False)
        return section(type="csv", filepath="rows")


class TestJsonLines(FileContract):
    @pytest.fixture
    def section(self, tmp_path: Path) -> Data:
        ROWS.to_json(tmp_path / "rows.jsonl", orient="records", lines=True, date_format="iso")
        return section(type="json", filepath="rows.jsonl")


class TestJsonFolder(FileContract):
    @pytest.fixture
    def section(self, tmp_path: Path) -> Data:
        (tmp_path / "rows").mkdir()
        for name, rows in (("a.ndjson", ROWS[:2]), ("b.jsonl.gz", ROWS[2:])):
            rows.to_json(tmp_path / "rows" / name, orient="records", lines=True, date_format="iso")
        return section(type="json", filepath=["rows/*.ndjson", "rows/b.jsonl.gz"])


class TestExcelFile(FileContract):
    @pytest.fixture
    def section(self, tmp_path: Path) -> Data:
        ROWS.assign(at=ROWS["at"].dt.tz_localize(None)).to_excel(tmp_path / "rows.xlsx", index=False)
        return section(type="excel", filepath="rows.xlsx")


class TestFunction(SourceContract):
    @pytest.fixture
    def base(self, tmp_path: Path) -> Path:
        (tmp_path / "own_rows.py").write_text(
            "def rows():\n    from airflow_mlops.testing.sources import ROWS\n\n    return ROWS\n"
        )
        return tmp_path

    @pytest.fixture
    def section(self) -> Data:
        return section(type="callable", callable="own_rows:rows")

    @pytest.fixture
    def missing(self) -> Data:
        return section(type="callable", callable="own_rows:nothing")


class QueryContract(SourceContract):
    @pytest.fixture
    def base(self, tmp_path: Path) -> Path:
        return tmp_path

    @pytest.fixture
    def section(self, database: str) -> Data:
        return section(type="sql", sql=QUERY, conn_id=database)

    @pytest.fixture
    def missing(self, database: str) -> Data:
        return section(type="sql", sql="SELECT * FROM nowhere", conn_id=database)


class TestSqlite(QueryContract):
    @pytest.fixture
    def database(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        file = tmp_path / "visits.db"
        with closing(sqlite3.connect(file)) as connection, connection:
            ROWS.assign(at=ROWS["at"].dt.strftime("%Y-%m-%d %H:%M:%S")).to_sql(
                "visits", connection, index=False
            )
        monkeypatch.setenv("AIRFLOW_CONN_VISITS", f"sqlite:///{file}")
        return "visits"


@pytest.fixture(scope="module")
def visits_in_postgres() -> Iterator[str]:
    with running_postgres() as postgres, pytest.MonkeyPatch.context() as patch:
        postgres.make("visits")
        with psycopg.connect(postgres.url("visits"), autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE visits (id int, at timestamptz, amount float8, word text, label int)"
            )
            for row in ROWS.itertuples(index=False):
                values = [row.id, row.at.to_pydatetime(), row.amount, row.word, row.label]
                connection.execute("INSERT INTO visits VALUES (%s, %s, %s, %s, %s)", values)
        fields = {"conn_type": "postgres", "host": "127.0.0.1", "port": postgres.port}
        fields |= {"login": "mlops", "schema": "visits"}
        patch.setenv("AIRFLOW_CONN_VISITS_PG", json.dumps(fields))
        yield "visits_pg"


class TestPostgres(QueryContract):
    @pytest.fixture
    def database(self, visits_in_postgres: str) -> str:
        return visits_in_postgres
