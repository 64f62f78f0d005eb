"""A database's verdicts on the rows of a query are those of Great Expectations on the same rows in pandas."""

from __future__ import annotations

import datetime as dt
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from airflow_mlops.config.expectations import expand
from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected, MlopsError
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.connections import Environment
from airflow_mlops.data.datasets import read_dataset, write_dataset
from airflow_mlops.data.source_rows import read_window
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.report import ReadReport
from airflow_mlops.data.validation import Outcome, Terms, evaluate
from airflow_mlops.data.validation.database_engine import evaluate_in_database
from airflow_mlops.storage.locations import PLAIN_STORAGE
from tests.support.postgres import PASSWORD, Postgres

Entry = Mapping[str, Any]
UNSHRUNK = (Phase.explicit, Phase.generate)


def stored(sql: str, folder: Path, conn_id: str, **data: Any) -> tuple[DatasetRef, ReadRequest]:
    """What ingest makes of a query, and what the engine is asked for it."""
    params = data.pop("params", {})
    source = {
        "type": "sql",
        "sql": sql,
        "conn_id": conn_id,
        "load_args": {"params": params} if params else {},
    }
    section = Data.model_validate({"source": source, "target": "y", "time": None, **data})
    rows = read_window(section, base=folder, need_target=False)
    dataset = write_dataset(rows.frame, str(folder / "data"))
    return dataset, ReadRequest(source=section.source, base=folder, connections=Environment())


def asked(
    dataset: DatasetRef, request: ReadRequest, expect: Sequence[Entry], terms: Terms | None = None
) -> tuple[Outcome, ...]:
    place = PLAIN_STORAGE.locate(dataset.uri)
    return evaluate_in_database(dataset, expand(expect), terms or Terms(), request=request, place=place)


def told(outcome: Outcome) -> tuple[Any, ...]:
    """What an outcome says, without the cells that it quotes: their order is the database's."""
    failure = outcome.failure
    detail = None if failure is None or failure.rows is not None else failure.detail
    return (
        outcome.item,
        failure is None,
        failure and (failure.column, failure.rows),
        detail,
        outcome.observed,
    )


INTEGERS = st.sampled_from([-3, 0, 1, 2, 3, 2**40, 2**53 + 1])
FLOATS = st.none() | st.sampled_from([-1.5, 0.0, 0.1, 1.0, 2.5, 3, 1e300, math.inf])
WORDS = st.sampled_from(["", "a", "A", "b", "ab12", "é", "😀", "a\n", "٣", "it's", "a%b", "x\0y"])
TEXTS = st.none() | WORDS
NUMBERS = st.sampled_from([-3, -1.5, 0, 0.1, 1, 2.5, 3, 2**40])
REGEXES = st.sampled_from(
    ["a", "^a$", r"^\d+$", r"\w", "^[a-z]+[0-9]{2}$", "a|b$", ".", r"(?i)ab", r"a(?=b)"]
)
ROWS = st.lists(st.tuples(INTEGERS, FLOATS, TEXTS, st.none()), min_size=1, max_size=8)
NUMERIC = ("expect_column_mean_to_be_between", "expect_column_sum_to_be_between")
RANGES = ("expect_column_max_to_be_between", "expect_column_min_to_be_between")
COUNTS = (
    "expect_column_unique_value_count_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_proportion_of_non_null_values_to_be_between",
)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    column = draw(st.sampled_from(["n", "f", "t", "e"]))
    shared = draw(st.sampled_from([{}, {"mostly": 0.5}, {"mostly": 0.75}]))
    low, high = sorted([draw(NUMBERS), draw(NUMBERS)])
    of_any: list[Entry] = [
        {"column": column, "not_null": True, "unique": True, **shared},
        {"expect_column_values_to_be_null": {"column": column, **shared}},
        {"column": column, "type": draw(st.sampled_from(["int", "number", "str", "float64"]))},
        {"column": column, "min": low, "max": high, **shared},
        {"column": column, "min": "2024-01-01"},
        {"expect_compound_columns_to_be_unique": {"column_list": ["n", "t"], **shared}},
        {"expect_table_row_count_to_be_between": {"min_value": draw(st.integers(0, 9))}},
        {draw(st.sampled_from(COUNTS)): {"column": column, "min_value": draw(st.sampled_from([0.5, 1, 3]))}},
    ]
    of_numbers: list[Entry] = [
        {draw(st.sampled_from([*NUMERIC, *RANGES])): {"column": column, "min_value": low, "max_value": high}},
        {"expect_column_values_to_be_between": {"column": column, "min_value": low, "strict_min": True}},
        {"column": column, "in": draw(st.lists(NUMBERS, min_size=1)), **shared},
        {"expect_column_values_to_not_be_in_set": {"column": column, "value_set": [low, high], **shared}},
    ]
    of_texts: list[Entry] = [
        {"column": column, "regex": draw(REGEXES), **shared},
        {"expect_column_values_to_not_match_regex": {"column": column, "regex": draw(REGEXES)}},
        {"column": column, "in": draw(st.lists(WORDS, min_size=1)), **shared},
        {
            "expect_column_value_lengths_to_be_between": {
                "column": column,
                "min_value": draw(st.integers(0, 3)),
            }
        },
        {
            "expect_column_value_lengths_to_equal": {
                "column": column,
                "value": draw(st.integers(0, 3)),
                **shared,
            }
        },
    ]
    return draw(st.sampled_from([*of_any, *(of_texts if column in "te" else of_numbers)]))


def answers(dataset: DatasetRef, request: ReadRequest, expect: Sequence[Entry]) -> tuple[Outcome, ...]:
    """What the database answers, or nothing when it says that it does not."""
    try:
        return asked(dataset, request, expect)
    except ConfigError as error:
        if "engine database" in str(error) or "cannot evaluate" in str(error):
            return ()
        raise


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=UNSHRUNK)
@example(rows=[(2, None, "a", None), (2, 3, "A", None)], expect=[{"column": "t", "unique": True}])
@example(rows=[(2**53 + 1, 3, None, None)], expect=[{"column": "n", "in": [2, 2**40]}])
@example(rows=[(1, None, "x\0y", None)], expect=[{"column": "t", "in": ["b", "x\0y"]}])
@given(rows=ROWS, expect=st.lists(entries(), min_size=4, max_size=8))
def test_sqlite_decides_as_pandas_or_says_that_it_does_not(
    rows: list[tuple[Any, ...]], expect: list[Entry], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("lite")
    with closing(sqlite3.connect(folder / "shop.db")) as database, database:
        database.execute("CREATE TABLE visits (n, f, t TEXT COLLATE NOCASE, e)")
        database.executemany("INSERT INTO visits VALUES (?, ?, ?, ?)", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_LITE", f"sqlite:///{folder}/shop.db")
        dataset, request = stored("SELECT * FROM visits", folder, "lite")
        frame = read_dataset(dataset)
        together = answers(dataset, request, expect)
        parts = [expect] if together else [[entry] for entry in expect]
        for chosen in parts:
            if found := together or answers(dataset, request, chosen):
                assert list(map(told, found)) == list(map(told, evaluate(frame, expand(chosen)))), chosen


@pytest.fixture(scope="module")
def kinds(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetRef, ReadRequest]:
    """A table of PostgreSQL with a column of each kind, as ingest reads it."""
    with psycopg.connect(postgres.url("shop"), autocommit=True) as database:
        database.execute(
            "CREATE TABLE kinds (i int, big bigint, gap int, f float8, one real, d numeric, t text,"
            " v varchar(9), day date, at timestamptz, naive timestamp, u uuid, b bool, never int,"
            " pad char(3), lost float8 DEFAULT 'NaN', y int)"
        )
        database.execute("GRANT SELECT ON kinds TO reader")
        database.execute(
            "INSERT INTO kinds (i, big, gap, f, one, d, t, v, day, at, naive, u, b, never, pad, y) VALUES"
            " (1, 9007199254740993, 1, 0.5, 0.1, 0.10, 'a', 'x', '2024-01-01', '2024-01-01 01:00+01',"
            "  '2024-01-01 00:00', '00000000-0000-0000-0000-00000000000a', true, NULL, 'p', 1),"
            " (2, 2, NULL, 'NaN', 0.1, 0.1, 'A', NULL, '2024-01-31', '2024-01-31 12:00+00',"
            "  '2024-01-31 12:00', '00000000-0000-0000-0000-00000000000b', false, NULL, 'q', 0),"
            " (2, 3, 3, NULL, NULL, NULL, 'ab12', 'é', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1),"
            " (4, 4, 4, 'Infinity', 2.5, 1E3, 'a b', E'x\\n', '9999-12-31', '9999-12-31', '1900-01-01',"
            "  '00000000-0000-0000-0000-00000000000a', true, NULL, 'q', 0)"
        )
    folder = tmp_path_factory.mktemp("kinds")
    return stored("SELECT * FROM kinds WHERE i < :most; -- all;", folder, "shop", params={"most": 100})


ANSWERED: list[Entry] = [
    *(
        {"column": name, "not_null": True}
        for name in ("i", "gap", "f", "one", "d", "at", "b", "never", "pad")
    ),
    *(
        {"column": name, "unique": True}
        for name in ("i", "big", "gap", "f", "d", "t", "day", "at", "u", "never")
    ),
    *(
        {"column": name, "type": kind}
        for name in ("i", "gap", "d", "at", "day", "u")
        for kind in ("number", "str")
    ),
    *(
        {"column": name, "min": 1, "max": 2.5, "mostly": 0.5}
        for name in ("i", "gap", "f", "d", "at", "t", "never")
    ),
    *({"column": name, "min": "2024-01-01", "max": "2024-01-31"} for name in ("day", "at", "naive", "i")),
    *(
        {"column": name, "max": dt.datetime(2024, 1, 31, 11, tzinfo=dt.UTC)}
        for name in ("day", "at", "naive")
    ),
    *({"column": name, "in": [2, 0.1, 2**40]} for name in ("i", "big", "gap", "f", "d")),
    {"column": "t", "in": ["a", "ab12"]},
    {"column": "u", "in": ["00000000-0000-0000-0000-00000000000a"]},
    *({"column": name, "in": [dt.date(2024, 1, 1), "2024-01-31"]} for name in ("day", "at", "naive")),
    *(
        {"column": "t", "regex": regex}
        for regex in ("^a", "b|A", r"^\w+$", r"\d{2}", r"\ba\b", "[^a]$", "^.$")
    ),
    {"expect_column_values_to_not_match_regex": {"column": "v", "regex": "^[xy]"}},
    *({name: {"column": "i", "min_value": 2.5, "max_value": 9}} for name in (*NUMERIC, *RANGES, *COUNTS)),
    *({name: {"column": "d", "max_value": 9}} for name in (*NUMERIC, *RANGES, *COUNTS)),
    *({name: {"column": "at", "max_value": "2024-02-01"}} for name in RANGES),
    *(
        {"expect_column_value_lengths_to_be_between": {"column": name, "max_value": 1}}
        for name in ("t", "v", "u")
    ),
    {"expect_compound_columns_to_be_unique": {"column_list": ["i", "t"]}},
    {"expect_column_sum_to_be_between": {"column": "big", "max_value": 7}},
    *({name: {"column": "lost", "max_value": 9}} for name in (*NUMERIC, *RANGES, *COUNTS)),
    {"column": "lost", "min": 1, "max": 2},
    {"expect_table_column_count_to_equal": {"value": 3}},
    {"expect_table_row_count_to_equal": {"value": 4}},
    {"column": "nothing", "max": 2},
]
LEFT: list[tuple[Entry, str]] = [
    ({"column": "t", "min": "2024-01-01"}, "with a time as its limit on the column 't' of texts"),
    (
        {"expect_column_mean_to_be_between": {"column": "t", "max_value": "2024-05-05"}},
        "with a time as its limit on the column 't' of texts",
    ),
    (
        {"expect_column_max_to_be_between": {"column": "pad", "max_value": "2024-05-05"}},
        "on the column 'pad' of texts",
    ),
    ({"column": "b", "min": "2024-01-01"}, "on the column 'b' of type object"),
    ({"column": "one", "max": 2}, "on the column 'one' of type float64"),
    ({"column": "pad", "unique": True}, "on the column 'pad' of type str"),
    ({"expect_compound_columns_to_be_unique": {"column_list": ["i", "never"]}}, "on the column 'never'"),
    ({"column": "b", "in": [True]}, "on the column 'b' of type object"),
    ({"column": "v", "regex": r"^\w$"}, "on 2 rows of 'v' that have characters beyond printable ASCII"),
    ({"column": "v", "regex": "x$"}, "on 1 rows of 'v' that have a new line at the end"),
    ({"column": "t", "regex": r"(a)\1"}, "with the pattern"),
    ({"column": "i", "in": ["a"]}, "with members that are not plain numbers"),
    ({"expect_column_mean_to_be_between": {"column": "i", "max_value": 2.25}}, "so close to a limit"),
    ({"expect_column_median_to_be_between": {"column": "i", "max_value": 2}}, "expect_column_median"),
    (
        {"expect_column_max_to_be_between": {"column": "i", "max_value": 2, "row_condition": "i>1"}},
        "row_cond",
    ),
    ({"checks:Own": {"column": "i"}}, "which runs no class of your own"),
]


def test_postgres_decides_as_pandas(kinds: tuple[DatasetRef, ReadRequest]) -> None:
    dataset, request = kinds
    wanted = evaluate(read_dataset(dataset), expand(ANSWERED))
    found = asked(dataset, request, ANSWERED)
    assert list(map(told, found)) == list(map(told, wanted))
    assert {item.failure is None for item in found} == {True, False}
    cells = [
        (set(a.failure.examples), set(b.failure.examples))
        for a, b in zip(found, wanted, strict=True)
        if a.failure and b.failure
    ]
    assert all(bool(one) == bool(other) for one, other in cells)


def test_rows_that_the_query_leaves_out_are_not_computed(
    kinds: tuple[DatasetRef, ReadRequest], postgres: Postgres, tmp_path: Path
) -> None:
    with psycopg.connect(postgres.url("shop"), autocommit=True) as database:
        database.execute(  # costs more than a cast, which PostgreSQL would try first
            "CREATE FUNCTION is_first(i int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN i = 1; END'"
        )
    query = "SELECT CAST(CASE WHEN i = 1 THEN '7' ELSE t END AS int) AS n FROM kinds WHERE is_first(i)"
    [outcome] = asked(*stored(query, tmp_path, "shop", target="n"), [{"column": "n", "min": 8}])
    assert outcome.failure is not None
    assert outcome.failure.examples == ("7",)


@pytest.mark.parametrize(("entry", "reason"), LEFT, ids=[reason for _, reason in LEFT])
def test_what_postgres_cannot_decide_as_pandas_is_refused(
    kinds: tuple[DatasetRef, ReadRequest], entry: Entry, reason: str
) -> None:
    with pytest.raises(ConfigError, match="is not supported by engine database") as caught:
        asked(*kinds, [entry])
    assert reason in str(caught.value)
    assert "use engine great_expectations or duckdb" in str(caught.value)


@pytest.fixture
def lite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A SQLite file with three visits, of the connection ``lite``."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.execute("CREATE TABLE visits (n int, t text)")
        database.executemany("INSERT INTO visits VALUES (?, ?)", [(1, "anna"), (2, "ben"), (3, None)])
        database.commit()
        monkeypatch.setenv("AIRFLOW_CONN_LITE", f"sqlite:///{tmp_path}/shop.db")
        yield database


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DELETE FROM visits WHERE n = 1", "3 rows then, 2 now; run ingest again"),
        ("UPDATE visits SET t = NULL WHERE n = 1", "'t' had 1 rows without a value then, 2 now"),
        ("UPDATE visits SET n = 9 WHERE n = 3", "smallest or largest value of the column 'n' is another one"),
    ],
)
def test_rows_that_changed_since_ingest_have_no_verdict(
    lite: sqlite3.Connection, tmp_path: Path, change: str, reason: str
) -> None:
    dataset, request = stored("SELECT * FROM visits", tmp_path, "lite")
    lite.execute(change)
    lite.commit()
    with pytest.raises(
        DataRejected, match="the query on lite: the table changed between ingest and validate"
    ) as e:
        asked(dataset, request, [{"column": "n", "min": 0}])
    assert reason in str(e.value)


def test_rows_that_ingest_left_out_are_left_out_in_the_query(
    lite: sqlite3.Connection, tmp_path: Path
) -> None:
    dataset, request = stored("SELECT * FROM visits", tmp_path, "lite")
    dataset = replace(dataset, rows=2, left_out={"outside the window": 1})
    with pytest.raises(
        ConfigError, match=r"1 of 3 rows of the query on lite \(1 outside the window\)"
    ) as caught:
        asked(dataset, request, [{"column": "n", "min": 0}])
    assert ">= :window_start and < :window_end" in str(caught.value)


def test_a_query_that_has_other_rows_each_time_has_no_verdict(
    lite: sqlite3.Connection, tmp_path: Path
) -> None:
    dataset, request = stored("SELECT * FROM visits ORDER BY random() LIMIT 2", tmp_path, "lite")
    with pytest.raises(
        ConfigError, match=r"the query on lite: .* that change with each query: it uses random\(\)"
    ):
        asked(dataset, request, [{"column": "n", "min": 0}])


def test_without_samples_no_cell_leaves_the_database(lite: sqlite3.Connection, tmp_path: Path) -> None:
    dataset, request = stored("SELECT * FROM visits", tmp_path, "lite")
    expect: list[Entry] = [
        {"column": "t", "in": ["ben"]},
        {"expect_column_max_to_be_between": {"column": "n", "max_value": 1}},
    ]
    seen = [item.failure for item in asked(dataset, request, expect, Terms(samples=False))]
    assert [failure and (failure.detail, failure.examples) for failure in seen] == [
        ("1 of 3 rows (expected value_set=['ben'])", ()),
        ("not met (expected max_value=1)", ()),
    ]


def test_an_error_of_the_database_is_one_of_ours_and_has_no_password(
    kinds: tuple[DatasetRef, ReadRequest],
) -> None:
    def fault(samples: bool = True, **source: Any) -> MlopsError:
        source_ = request.source.model_copy(update=source)
        other = replace(request, source=source_, report=ReadReport(samples=samples))
        with pytest.raises(MlopsError) as caught:
            asked(dataset, other, [{"column": "i", "min": 0}], Terms(samples=samples))
        assert PASSWORD not in str(caught.value)
        return caught.value

    dataset, request = kinds
    assert isinstance(fault(conn_id="shut"), ConfigError)
    assert isinstance(fault(sql="SELECT * FROM knds"), ConfigError)
    denied = fault(sql="SELECT * FROM kinds, pg_authid")
    assert isinstance(denied, ConfigError)
    assert str(denied).endswith(
        "permission denied for table pg_authid; GRANT this user the right that is missing"
    )
    assert isinstance(fault(sql="SELECT i FROM kinds"), ConfigError)
    cast = "SELECT * FROM kinds WHERE t::int > 0"
    assert 'for type integer: "a"' in str(fault(sql=cast))
    assert "may quote cells and is not shown (validate.samples is none)" in str(
        fault(sql=cast, samples=False)
    )
    assert isinstance(fault(sql="DELETE FROM kinds RETURNING *"), ConfigError)
