"""Rows of real databases: SQLite files and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected, MlopsError
from airflow_mlops.data.connections import Environment, url_of
from airflow_mlops.data.datasets import write_dataset
from airflow_mlops.data.event_times import times_of
from airflow_mlops.data.source_rows import read_rows
from tests.support import free_port
from tests.support.postgres import DAYS, PASSWORD, Postgres
from tests.support.project import ENVIRONMENT

SECOND, FOURTH = dt.datetime(2024, 1, 2, tzinfo=dt.UTC), dt.datetime(2024, 1, 4, tzinfo=dt.UTC)
WINDOW = "SELECT * FROM visits WHERE at >= :window_start AND at < :window_end"


def section(sql: str, conn_id: str, keys: Sequence[str] = ("id", "at"), **load_args: Any) -> Data:
    source = {"type": "sql", "sql": sql, "conn_id": conn_id, "load_args": load_args}
    return Data.model_validate({"source": source, "target": "y", "keys": keys})


def ids(sql: str, conn_id: str, base: Path = Path(), **window: Any) -> list[int]:
    return list(read_rows(section(sql, conn_id), base=base, **window)["id"])


def fault(sql: str, conn_id: str, base: Path = Path(), **load_args: Any) -> MlopsError:
    with pytest.raises(MlopsError) as caught:
        read_rows(section(sql, conn_id, **load_args), base=base)
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture(params=["text", "T", "date"])
def lite(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A SQLite file whose times are text of one of the usual forms."""
    forms = {"text": "%Y-%m-%d %H:%M:%S", "T": "%Y-%m-%dT%H:%M:%S", "date": "%Y-%m-%d"}
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute("CREATE TABLE visits (id int, at text, y int)")
        rows = [(number, at.strftime(forms[request.param]), 0) for number, at in enumerate(DAYS)]
        database.executemany("INSERT INTO visits VALUES (?, ?, ?)", rows)
    database.close()
    monkeypatch.setenv("AIRFLOW_CONN_LITE", f"sqlite:///{tmp_path}/shop.db")
    return "lite"


def test_the_window_is_the_same_whether_the_query_or_the_reader_applies_it(postgres: Postgres) -> None:
    window = {"start": SECOND, "end": FOURTH}
    assert ids("SELECT * FROM visits", "shop", **window) == ids(WINDOW, "shop", **window) == [0, 2]
    assert ids(WINDOW, "shop", end=FOURTH) == [0, 1, 2]
    assert ids(WINDOW, "shop") == [0, 1, 2, 3]


def test_a_time_without_zone_is_utc_wherever_the_server_is(postgres: Postgres) -> None:
    sql = "SELECT id, naive AS at, y FROM visits WHERE naive >= :window_start AND naive < :window_end"
    moments = {"start": DAYS[2], "end": DAYS[3]}
    assert ids(sql, "shop", **moments) == ids(sql.replace("naive >", "at >"), "shop", **moments) == [0, 2]


def test_sqlite_windows_hold_for_every_form_of_time(lite: str) -> None:
    assert ids(WINDOW, lite, start=SECOND, end=FOURTH) == [0, 2]
    assert ids(WINDOW, lite) == [0, 1, 2, 3]


@pytest.mark.parametrize("lite", ["text"], indirect=True)
def test_a_window_in_sqlite_may_end_between_two_seconds(lite: str) -> None:
    assert ids(WINDOW, lite, start=SECOND, end=DAYS[3] + dt.timedelta(milliseconds=500)) == [0, 2, 3]
    assert ids(WINDOW, lite, start=DAYS[0], end=DAYS[3]) == [0]


def test_any_name_of_a_column_is_a_name(postgres: Postgres, tmp_path: Path) -> None:
    names = ["select", 'a "b"', "x; DROP TABLE visits; --", "100%", "it's", "%(id)s"]
    chosen = ", ".join(f'{n} AS "{name.replace(chr(34), chr(34) * 2)}"' for n, name in enumerate(names))
    rows = read_rows(section(f"SELECT id, at, y, {chosen} FROM visits", "shop"), base=tmp_path)
    assert list(rows.columns) == ["id", "at", "y", *names]
    back = pd.read_parquet(write_dataset(rows, str(tmp_path)).uri)
    pd.testing.assert_frame_equal(back, rows)
    assert len(read_rows(section("SELECT id, at, y FROM visits", "shop"), base=tmp_path)) == len(rows)


def test_large_whole_numbers_beside_gaps_are_exact(postgres: Postgres, tmp_path: Path) -> None:
    sql = "SELECT id, at, y, CASE WHEN id > 0 THEN 9007199254740993 END AS n, 1e20::float8 AS f FROM visits"
    rows = read_rows(section(sql, "shop"), base=tmp_path)
    assert {value for value in rows["n"].dropna()} == {9007199254740993}
    assert rows["n"].isna().sum() == 1
    assert rows["f"].dtype == "float64"


def test_large_whole_numbers_stay_with_their_rows_whatever_the_order(
    postgres: Postgres, tmp_path: Path
) -> None:
    sql = """
        SELECT id, at, y, paid, id % 2 = 0 AS even, 'x' AS t, NULL::text AS never, 9007199254740992 + id AS n
        FROM (SELECT * FROM visits UNION ALL SELECT NULL, '2024-01-05', NULL, 1, NULL) AS v ORDER BY random()
    """
    for _ in range(4):  # each answer of the database has another order
        rows = read_rows(section(sql, "shop"), base=tmp_path)
        kinds = [str(rows[name].dtype) for name in ("id", "y", "paid", "even", "t", "never", "n")]
        assert kinds == ["float64", "int64", "object", "object", "str", "object", "Int64"]
        known = rows[rows["id"].notna()]
        assert (known["n"] - 9007199254740992).tolist() == known["id"].tolist()
        assert known["even"].tolist() == [int(number) % 2 == 0 for number in known["id"]]


def test_values_come_as_parquet_can_hold_them(postgres: Postgres, tmp_path: Path) -> None:
    sql = """
        SELECT id, at, y, paid, NULL::timestamptz AS never, gen_random_uuid() AS token, at::date AS day,
            '{"a":1}'::jsonb ->> 'a' AS ":x", now()::text LIKE '%:window_start%' AS odd
        FROM visits -- :nobody
    """
    rows = read_rows(section(sql, "shop"), base=tmp_path)
    assert [str(rows[name].dtype) for name in ("at", "paid", "token", "odd")] == [
        "datetime64[us, UTC]", "object", "str", "bool"
    ]  # fmt: skip
    assert {type(value) for value in rows["paid"].dropna()} == {Decimal}  # exact, as the database has them
    assert times_of(rows, section(sql, "shop")) is not None
    back = pd.read_parquet(write_dataset(rows, str(tmp_path)).uri)
    pd.testing.assert_frame_equal(back, rows)


def test_parameters_are_bound_and_never_written_into_the_query(postgres: Postgres) -> None:
    sql = "SELECT * FROM visits WHERE id IN :ids AND y::text <> :word"
    given = {"params": {"ids": [0, 3], "word": "'; DROP TABLE visits; --"}}
    assert list(read_rows(section(sql, "shop", **given), base=Path())["id"]) == [0, 3]
    assert str(fault("SELECT * FROM visits WHERE id = :idd", "shop", params={"id": 1})) == (
        "the query on shop: no parameter :idd (did you mean id?); known: window_start, window_end, id"
    )


def test_a_query_may_stand_in_a_file_beside_the_pipeline(postgres: Postgres, tmp_path: Path) -> None:
    (tmp_path / "visits.sql").write_text(f"-- rows of the shop\n{WINDOW};\n")
    assert ids("visits.sql", "shop", tmp_path, start=SECOND) == [0, 2, 3]
    told = str(fault("visit.sql", "shop", tmp_path))
    assert told == f"the query on shop: file {tmp_path}/visit.sql does not exist (did you mean visits.sql?)"


@pytest.mark.parametrize("lite", ["text"], indirect=True)
def test_nothing_is_written_whatever_the_query_says(postgres: Postgres, lite: str) -> None:
    sql = "WITH gone AS (DELETE FROM visits RETURNING *) SELECT * FROM gone"
    assert "in a read-only transaction" in str(fault(sql, "shop"))
    assert len(ids("SELECT * FROM visits", "shop")) == 4
    assert "DELETE reads no rows: a query begins with SELECT" in str(fault("DELETE FROM visits", lite))
    assert "is more than one statement" in str(fault("SELECT 1; SELECT 2", lite))


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT * FROM visit", 'the query on shop: relation "visit" does not exist; correct the query'),
        ("SELECT idd FROM visits", 'the query on shop: column "idd" does not exist; correct the query'),
        ("SELECT 1/0 AS id", "the query on shop: division by zero; correct the query"),
        (
            "SELECT id, id, at, y FROM visits",
            "the query on shop: two columns are named 'id': give each its own",
        ),
        ("SELECT id, at FROM visits", "the query on shop: no column 'y'; has id, at"),
    ],
)
def test_a_wrong_query_is_a_mistake_that_no_retry_repeats(postgres: Postgres, sql: str, told: str) -> None:
    error = fault(sql, "shop")
    assert isinstance(error, ConfigError)
    assert str(error).startswith(told)


def test_a_query_without_rows_says_which_window_was_empty(postgres: Postgres) -> None:
    with pytest.raises(
        DataRejected, match=r"the query on shop: 0 rows from 2025-01-01.* to now, at least 1 is needed"
    ):
        ids(WINDOW, "shop", start=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    with pytest.raises(DataRejected, match="the query on shop: 0 rows, at least 1 is needed"):
        ids("SELECT * FROM visits WHERE false", "shop")


def test_a_database_that_does_not_answer_is_tried_again(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", f"postgresql://me:s@127.0.0.1:{free_port()}/shop")
    away, shut = fault(WINDOW, "away"), fault(WINDOW, "shut")
    assert isinstance(away, BackendError)
    assert "Connection refused; check that the database server runs" in str(away)
    assert isinstance(shut, ConfigError)  # tried again, it would lock the user out
    assert "connection 'shut': postgresql://reader:***@" in str(shut)
    assert "; correct the login and password of the connection" in str(shut)


def test_a_connection_that_breaks_in_the_middle_is_tried_again(postgres: Postgres) -> None:
    error = fault("SELECT pg_terminate_backend(pg_backend_pid()) AS y", "shop")
    assert isinstance(error, BackendError)


@pytest.mark.parametrize("lite", ["text"], indirect=True)
def test_sqlite_tells_what_is_wrong_and_makes_no_file(
    lite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        str(fault("SELECT * FROM visit", lite))
        == "the query on lite: no such table: visit; correct the query"
    )
    monkeypatch.setenv("AIRFLOW_CONN_GONE", f"sqlite:///{tmp_path}/gone.db")
    assert str(fault(WINDOW, "gone")) == f"connection 'gone': no such file {tmp_path}/gone.db"
    assert not (tmp_path / "gone.db").exists()


@pytest.mark.parametrize("lite", ["text"], indirect=True)
def test_arguments_of_the_reader_reach_it_and_others_are_refused(lite: str) -> None:
    rows = read_rows(section("SELECT * FROM visits", lite, parse_dates=["at"]), base=Path())
    assert str(rows["at"].dtype).startswith("datetime64")
    told = str(fault("SELECT * FROM visits", lite, chunksize=10))
    assert told.startswith("data.source.load_args.chunksize: a query takes only coerce_float, dtype")
    assert "expected a mapping of names" in str(fault("SELECT 1", lite, params=[1]))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "no connection 'odd': set AIRFLOW_CONN_ODD, such as postgresql://user:password@host/database"),
        (f"{{{PASSWORD}", "AIRFLOW_CONN_ODD is neither the URI nor the JSON of a connection"),
        (f"postgres://me:{PASSWORD}", "AIRFLOW_CONN_ODD is neither the URI nor the JSON of a connection"),
        (
            "http://somewhere",
            "the connection 'odd' is of type http, which is not a database that can be read here",
        ),
        (
            "oracle://db",
            "the connection 'odd' needs a driver for oracle: pip install apache-airflow-providers-o",
        ),
    ],
)
def test_a_connection_that_cannot_be_used_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, value: str | None, told: str
) -> None:
    if value:
        monkeypatch.setenv("AIRFLOW_CONN_ODD", value)
    error = fault("SELECT 1", "odd")
    assert isinstance(error, ConfigError)
    assert str(error).startswith(told)


def test_a_uri_and_json_are_read_as_airflow_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import Connection

    values = [
        "postgresql://me:hunter22%2Fses%40me@db.example:5433/shop?sslmode=require",
        "postgres://db",
        "my-sql://u@h/s?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D",
        "sqlite:////data/shop.db",
        '{"conn_type": "postgresql", "host": "db", "port": "5433", "extra": {"sslmode": "require"}}',
        '{"conn_type": "sqlite", "host": "/data/shop.db", "extra": "{\\"a\\": 1}"}',
    ]
    for value in values:
        monkeypatch.setenv("AIRFLOW_CONN_MINE", value)
        ours = Environment().connection("mine")
        theirs = (
            Connection.from_json(value, "mine") if value[0] == "{" else Connection.from_uri(value, "mine")
        )
        fields = ("conn_type", "host", "port", "login", "password", "schema")
        assert [getattr(ours, name) or None for name in fields] == [
            getattr(theirs, name) or None for name in fields
        ]
        assert ours.extra == theirs.extra_dejson
        assert PASSWORD not in repr(ours)


def test_options_of_the_extra_reach_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MINE", "postgres://db/shop?sslmode=require")
    url = url_of(Environment().connection("mine"))
    assert url.render_as_string() == "postgresql+psycopg://db/shop?sslmode=require"


@pytest.mark.parametrize("lite", ["text"], indirect=True)
def test_a_stage_in_a_process_of_its_own_finds_the_connection_there(lite: str, tmp_path: Path) -> None:
    config = {
        "name": "elsewhere",
        "data": section(WINDOW, lite).model_dump(mode="json"),
        "train": {"estimator": "sklearn.dummy.DummyClassifier"},
        "evaluate": {"metrics": ["accuracy"]},
    }
    request = {
        "stage": "ingest",
        "pipeline": config,
        "task_key": "e/1/ingest/-1",
        "artifacts": str(tmp_path / "artifacts"),
        "tracking_uri": "",
        "as_of": FOURTH.isoformat(),
    }
    (tmp_path / "request.json").write_text(json.dumps(request))
    command = [sys.executable, "-m", "airflow_mlops.runner", "request.json", "result.json"]
    environment = {**ENVIRONMENT, "AIRFLOW_CONN_LITE": os.environ["AIRFLOW_CONN_LITE"]}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = (tmp_path / "result.json").read_text()
    assert json.loads(result)["record"]["rows"] == 3
    assert "shop.db" not in result
