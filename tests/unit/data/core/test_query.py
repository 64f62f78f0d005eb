from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from airflow_mlops.data.core.query import (
    WINDOW,
    fickle,
    for_binding,
    is_template,
    misfit,
    parameters,
    unknown_parameter,
    window_fault,
)

PIECES = st.sampled_from(
    ["SELECT", " a", ":window_start", ":b", "::int", "'it''s :window_end'", '"q:x"', "-- c :d\n", "/* :e */",
     "$$ :f $$", "12:30", "\\:g", ":", ";", "'", "[1:2]", "%(h)s", "{{ ds }}", "\n"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT a::date, :b, ':c', \":d\" -- :e\n, /* :f */ :b, $$ :g $$, '12:30', \\:h", ("b",)),
        ("SELECT * FROM t WHERE at >= :window_start AND at<:window_end", WINDOW),
        ("SELECT '{{ x[1:n] }}' {% if :y %}", ()),
        ("SELECT 'it''s :x' || :y", ("y",)),
    ],
)
def test_a_parameter_is_one_outside_of_texts_comments_and_templates(sql: str, names: tuple[str, ...]) -> None:
    assert parameters(sql) == names


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_sqlalchemy_sees_the_known_parameters_and_the_database_the_text(sql: str) -> None:
    known = {name: name for name in (*WINDOW, "b")}
    statement = text(for_binding(sql, known))
    expected = [name for name in parameters(sql) if name in known]
    compiled = statement.compile(dialect=postgresql.dialect(paramstyle="named"))
    assert set(compiled.params) == set(expected)
    said = sql.replace(";", "").replace("\\:", ":")  # those at its end go
    assert compiled.string.replace(";", "").replace("\\:", ":").strip() == said.strip()


@pytest.mark.parametrize(
    ("sql", "bound"),
    [
        ("SELECT ';' ; ; ", "SELECT ';'"),
        ("SELECT 1; -- all; of it\n;", "SELECT 1 -- all; of it"),
        ("SELECT 1;/* ; */", "SELECT 1/* ; */"),
        ("SELECT $$;$$", "SELECT $$;$$"),
    ],
)
def test_a_query_ends_without_a_semicolon_so_that_it_can_be_a_part_of_another(sql: str, bound: str) -> None:
    assert for_binding(sql, ()) == bound


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT * FROM t ORDER BY RANDOM () LIMIT 3", "uses random()"),
        ("SELECT * FROM t TABLESAMPLE SYSTEM (5)", "uses TABLESAMPLE"),
        ("SELECT * FROM t FETCH FIRST 5 ROWS ONLY", "has LIMIT without ORDER BY"),
        ("SELECT * FROM t TABLESAMPLE SYSTEM (5) REPEATABLE (1)", ""),
        ("SELECT * FROM t ORDER BY id LIMIT 3", ""),
        ("SELECT random, 'random()', \"limit\" FROM t -- LIMIT", ""),
    ],
)
def test_a_query_that_has_other_rows_each_time_is_noticed(sql: str, reason: str) -> None:
    assert (fickle(sql) is not None) == bool(reason)
    assert reason in (fickle(sql) or "")


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT 1", None),
        ("-- why\n(SELECT 1) UNION (SELECT 2);  -- done", None),
        ("with a as (select ';') select * from a", None),
        ("{{ var.value.query }}", None),
        ("{% if x %} SELECT 1 {% endif %}", None),
        ("VALUES (1, 'a'), (2, 'b')", None),
        ("TABLE customers", None),
        ("FROM customers", None),  # DuckDB reads every column
        ("{# nothing but a comment #}", None),
        (" ; ", "is empty"),
        ("X", "X reads no rows: a query begins with SELECT or WITH"),
        (
            "0123456789_123456789_123456789",
            "0123456789_123456789 reads no rows: a query begins with SELECT or WITH",
        ),
        ("/* SELECT 1 */", "is empty"),
        ("UPDATE t SET a = 1", "UPDATE reads no rows: a query begins with SELECT or WITH"),
        ("customers", "customers reads no rows: a query begins with SELECT or WITH"),
        ("SELECT 1; DELETE FROM t", "is more than one statement: give one query"),
    ],
)
def test_only_one_statement_that_reads_is_a_query(sql: str, told: str | None) -> None:
    assert misfit(sql) == told


@pytest.mark.parametrize(
    ("sql", "open_places"),
    [
        ("SELECT {{ a }}", True),
        ("{% if x %}", True),
        ("{# why #}", True),
        ("{{", True),
        ("SELECT '{ }'", False),
    ],
)
def test_jinja_has_something_to_fill_in_where_its_braces_are(sql: str, open_places: bool) -> None:
    assert is_template(sql) is open_places


def test_only_the_end_of_the_statement_is_left_out_for_the_database() -> None:
    assert for_binding("\n SELECT a FROM X;\n", ()) == "SELECT a FROM X"


def test_an_unknown_parameter_names_its_neighbour() -> None:
    assert unknown_parameter("SELECT :regoin", ["region"]) == (
        "no parameter :regoin (did you mean region?); known: window_start, window_end, region"
    )
    assert unknown_parameter("SELECT :region, :window_end", ["region"]) is None


@pytest.mark.parametrize(
    "piece", ["'", '"', "/*", "--", "$a$", "$", "{{", "{%", ":", "(", " ", ";", "\\", "`"]
)
def test_a_text_of_any_shape_is_read_in_bounded_time(piece: str) -> None:
    sql = piece * (200_000 // len(piece))
    assert (misfit(sql) is None) == (piece in ("{{", "{%"))
    assert parameters(sql) == ()
    assert for_binding(sql, WINDOW) is not None


@pytest.mark.parametrize(
    ("sql", "form", "timezone", "key"),
    [
        ("SELECT * FROM t WHERE at < :window_end", "epoch_s", "UTC", "format epoch_s"),
        ("SELECT * FROM t WHERE at < :window_end", "%d.%m.%Y", "Europe/Rome", "format %d.%m.%Y"),
        ("SELECT * FROM t WHERE at < :window_end", None, "Europe/Rome", "timezone Europe/Rome"),
        ("SELECT * FROM t WHERE at < :window_end", "iso", "Europe/Rome", "timezone Europe/Rome"),
        ("SELECT * FROM t WHERE at < :window_end", "iso", "UTC", ""),
        ("SELECT * FROM t WHERE at < :window_end", None, "UTC", ""),
        ("SELECT * FROM t WHERE shop = :shop", "epoch_s", "UTC", ""),
        ("SELECT * FROM t", "epoch_s", "Europe/Rome", ""),
    ],
)
def test_a_window_in_utc_is_not_compared_with_times_written_in_another_way(
    sql: str, form: str | None, timezone: str, key: str
) -> None:
    expected = (
        f":window_end is in UTC, but data.time declares the {key}: convert the column to UTC in the query "
        f"and remove data.time.{key.partition(' ')[0]}, or remove the parameter: rows outside the window are "
        "left out after reading"
    )
    assert window_fault(sql, form, timezone) == (expected if key else None)


def test_the_first_parameter_of_the_window_is_named() -> None:
    found = window_fault("SELECT :shop, :window_start, :window_end", "epoch_s", "UTC")
    assert found is not None
    assert found.startswith(":window_start is in UTC")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT * FROM t ORDER BY RANDOM () LIMIT 3", "it uses random(): choose rows by their keys"),
        ("SELECT * FROM t TABLESAMPLE SYSTEM (5)", "it uses TABLESAMPLE: choose rows by their keys"),
        ("SELECT * FROM t LIMIT 5", "it has LIMIT without ORDER BY: order its rows by their keys"),
        ("SELECT * FROM{{ table }}LIMIT 5", "it has LIMIT without ORDER BY: order its rows by their keys"),
    ],
)
def test_a_query_that_has_other_rows_each_time_says_what_to_do(sql: str, reason: str) -> None:
    assert fickle(sql) == reason
