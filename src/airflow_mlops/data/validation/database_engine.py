"""The database of a source: expectations on the rows of its query, without fetching them.

Great Expectations' SQL engine asks, in one transaction that writes nothing. The rows are those of the run:
they are counted first, and compared with what ingest has recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from airflow_mlops.config.database_engine import OF_COLUMNS, OTHERS, unanswered
from airflow_mlops.config.expectations import TYPE, Expectation
from airflow_mlops.config.queries import query_text
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.core.query import fickle
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.query_reading import open_query
from airflow_mlops.data.validation import Outcome, Terms, evaluate, without_values
from airflow_mlops.data.validation import great_expectations as gx
from airflow_mlops.data.validation.columns import Columns
from airflow_mlops.data.validation.database_checks import (
    Question,
    question,
    reads_texts,
    too_close,
    unanswered_column,
    unsupported,
)
from airflow_mlops.data.validation.database_columns import (
    DIALECTS,
    EMPTY,
    ORDERED,
    DatabaseColumn,
    database_columns,
    example_row,
    kinds_of,
)
from airflow_mlops.data.validation.limits import bind, evaluated
from airflow_mlops.data.validation.outcome import cut, failed
from airflow_mlops.data.validation.sql_columns import FLOAT
from airflow_mlops.data.validation.sql_execution import check_rows
from airflow_mlops.data.validation.stored_facts import Extremes, check_same, stored_facts
from airflow_mlops.storage.locations import Location


@dataclass(frozen=True)
class _Rows:
    """The rows of the run in the database: the query, its columns, a row of the same types, the dialect."""

    source: sa.FromClause
    columns: Mapping[str, DatabaseColumn]
    example: Columns
    dialect: str


@dataclass
class _Plan:
    """What is known without asking, what is asked, and what columns without any value answer; by number."""

    known: dict[int, Outcome] = field(default_factory=dict)
    asked: dict[int, Question] = field(default_factory=dict)
    of_gaps: dict[int, Expectation] = field(default_factory=dict)

    def set_apart(self, present: Mapping[str, int]) -> None:
        """Take what is asked about columns of NaN alone to those without any value."""
        for number, each in list(self.asked.items()):
            if each.item.columns and not any(present[name] for name in each.item.columns):
                self.of_gaps[number] = self.asked.pop(number).item


@dataclass(frozen=True)
class _Facts:
    """What one query says about the rows: how many, and of each column how many values, smallest and largest.

    ``guards`` are rows on which the database and pandas may differ, by number of the expectation, ``scales``
    say how far rounding may move what is observed.
    """

    rows: int
    present: Mapping[str, int]
    extremes: Mapping[str, Extremes]
    guards: Mapping[int, Sequence[int]]
    scales: Mapping[int, Any]


@gx.quiet()
def evaluate_in_database(
    dataset: DatasetRef,
    items: Sequence[Expectation],
    terms: Terms,
    *,
    request: ReadRequest,
    place: Location,
) -> tuple[Outcome, ...]:
    """Return what each expectation found on the rows of a query, in their order.

    :param dataset: what ingest recorded of the same rows.
    :param request: the query and its window, as ingest read it.
    :param place: where the rows are stored; only the file's types and counts are read.

    Raises ConfigError for an expectation or a database that is not supported, and for a query whose rows
    ingest did not all take; DataRejected when they are others than ingest has read; BackendError when the
    database does not answer.
    """
    stored = stored_facts(place)
    where = f"the query on {request.source.conn_id}"
    _all_taken(dataset, where)
    _repeats(request, where)
    with open_query(request, snapshot=True) as (connection, statement):
        rows = _rows(connection, statement, stored.schema, dataset)
        plan = _planned([evaluated(item, terms.parameters) for item in items], rows, terms)
        facts = _facts(connection, rows, plan.asked)
        check_same(stored, facts.rows, facts.present, facts.extremes, where)
        plan.set_apart(facts.present)
        for number, asked in plan.asked.items():
            _guarded(asked, facts.guards[number])
        answers = _answers(connection, rows, plan.asked, facts, terms)
    found = plan.known | answers | _on_gaps(plan.of_gaps, rows, facts.rows, terms)
    return tuple(found[number] for number in range(len(items)))


def _all_taken(dataset: DatasetRef, where: str) -> None:
    """Raise ConfigError when the query has rows that the training does not learn from."""
    if left := sum(dataset.left_out.values()):
        total = dataset.rows + left
        reasons = "; ".join(f"{rows:,} {why}" for why, rows in dataset.left_out.items())
        raise ConfigError(
            f"validate.engine: ingest left out {left:,} of {total:,} rows of {where} ({reasons}), and the "
            "database would judge them too: leave them out in the query, those outside the window by its "
            f"event time >= :window_start and < :window_end, or {OTHERS}"
        )


def _repeats(request: ReadRequest, where: str) -> None:
    """Raise ConfigError when the query has other rows each time that it is run."""
    if reason := fickle(query_text(str(request.source.sql), request.base)):
        raise ConfigError(
            f"{where}: validate.engine database cannot judge rows that change with each query: {reason}, or "
            f"{OTHERS}"
        )


def _rows(
    connection: sa.Connection, statement: sa.TextClause, schema: pa.Schema, dataset: DatasetRef
) -> _Rows:
    dialect = connection.dialect.name
    if dialect not in DIALECTS:
        raise ConfigError(
            f"validate.engine: database answers for {' and '.join(DIALECTS)}, got {dialect}: {OTHERS}"
        )
    query = statement.columns(*map(sa.column, dataset.columns)).subquery("query_rows")
    # Conditions are asked of the rows that the query returns: with an offset, PostgreSQL does not evaluate
    # them, and what they compute of the columns, on rows that the query leaves out.
    source = sa.select(query).offset(sa.literal_column("0")).subquery("source_rows")
    example = Columns(example_row(schema, dataset.columns))
    kinds = kinds_of(schema, example.frame, example.kind)
    empty = connection.execute(sa.select(*(source.c[name] for name in dataset.columns)).limit(0))
    codes = {column[0]: column[1] for column in empty.cursor.description} if empty.cursor else {}
    empty.close()
    return _Rows(source, database_columns(source, kinds, codes, example.frame, dialect), example, dialect)


def _planned(items: Sequence[Expectation], rows: _Rows, terms: Terms) -> _Plan:
    plan = _Plan()
    for number, item in enumerate(items):
        if reason := unanswered(item):
            raise ConfigError(f"validate.expect: {reason}")
        if item.name != TYPE:
            gx.build(item, terms.base)  # a fault in the file is reported whatever the rows are
        outcome = without_values(item, rows.example)
        if outcome is None and item.name in OF_COLUMNS:
            [outcome] = evaluate(rows.example.frame.iloc[:0], [item], terms)
        kinds = {rows.columns[name].kind for name in item.columns if name in rows.columns}
        if outcome is None and kinds == {EMPTY}:
            plan.of_gaps[number] = item
        elif outcome is None:
            asked = _compared(item, rows, terms)
            if isinstance(asked, Question):
                plan.asked[number] = asked
            else:
                outcome = asked
        if outcome is not None:
            plan.known[number] = outcome
    return plan


def _compared(item: Expectation, rows: _Rows, terms: Terms) -> Question | Outcome:
    """Return what is asked, or the outcome of limits that cannot be compared with their column."""
    if name := reads_texts(item, rows.example):
        raise unsupported(item, f"with a time as its limit on the column {cut(name)!r} of texts")
    if unknown := unanswered_column(item, rows.columns):  # the example says nothing about its cells
        raise unknown
    bound = bind(item, rows.example, samples=terms.samples)
    if bound.mismatch:
        return failed(Outcome(item), bound.mismatch)
    return question(item, bound.arguments, rows.columns, rows.dialect)


def _facts(connection: sa.Connection, rows: _Rows, asked: Mapping[int, Question]) -> _Facts:
    present = {name: sa.func.count(column.exact) for name, column in rows.columns.items()}
    ordered = {name: column.exact for name, column in rows.columns.items() if column.kind in ORDERED}
    guards = [
        (number, sa.func.count().filter(guard.rows))
        for number, each in asked.items()
        for guard in each.guards
    ]
    scales = {number: each.scale for number, each in asked.items() if each.scale is not None}
    groups = (
        [sa.func.count()],
        present.values(),
        [make(value) for value in ordered.values() for make in (sa.func.min, sa.func.max)],
        [count for _, count in guards],
        scales.values(),
    )
    named = [figure.label(f"figure_{place}") for place, figure in enumerate(chain.from_iterable(groups))]
    found = iter(connection.execute(sa.select(*named).select_from(rows.source)).one())
    [total], counts, ends, guarded, scaled = (list(islice(found, len(group))) for group in groups)
    by_number: dict[int, list[int]] = {number: [] for number in asked}
    for (number, _), value in zip(guards, guarded, strict=True):
        by_number[number].append(int(value))
    return _Facts(
        int(total),
        dict(zip(present, map(int, counts), strict=True)),
        dict(zip(ordered, zip(ends[::2], ends[1::2], strict=True), strict=True)),
        by_number,
        dict(zip(scales, scaled, strict=True)),
    )


def _guarded(asked: Question, found: Sequence[int]) -> None:
    for guard, rows in zip(asked.guards, found, strict=True):
        if rows:
            columns = cut(", ".join(asked.item.columns))
            raise unsupported(asked.item, f"on {rows:,} rows of {columns!r} that have {guard.what},")


def _answers(
    connection: sa.Connection,
    rows: _Rows,
    asked: Mapping[int, Question],
    facts: _Facts,
    terms: Terms,
) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    for exact in (False, True):
        chosen = {number: each for number, each in asked.items() if each.exact is exact}
        if not chosen:
            continue
        names = dict.fromkeys(name for each in chosen.values() for name in each.item.columns)
        used = {name: rows.columns[name] for name in names or list(rows.columns)[:1]}
        types = {name: column.sql_type for name, column in used.items()}
        select = sa.select(*(
            (column.exact if exact else column.compared).label(name) for name, column in used.items()
        ))  # fmt: skip
        natives = [gx.build(each.item, terms.base, each.arguments, n) for n, each in chosen.items()]
        results = check_rows(connection, select, types, natives, samples=terms.samples)
        for number, each in chosen.items():
            result = results[number]
            scale = facts.scales.get(number)
            if each.whole and scale is not None:
                result.result["observed_value"] = int(scale)
            if too_close(each, result.result.get("observed_value"), scale):
                raise unsupported(each.item, "so close to a limit, where rounding decides,")
            found[number] = gx.outcome_of(each.item, result, None, samples=terms.samples)
    return found


def _on_gaps(items: Mapping[int, Expectation], rows: _Rows, count: int, terms: Terms) -> dict[int, Outcome]:
    """Return the outcomes of expectations on columns without any value, which need no database."""
    if not items:
        return {}
    columns = {name: rows.columns[name] for item in items.values() for name in item.columns}
    frame = pd.DataFrame({
        name: pd.Series([None] * count, dtype="float64" if column.kind == FLOAT else object)
        for name, column in columns.items()
    })  # fmt: skip
    return dict(zip(items, evaluate(frame, list(items.values()), terms), strict=True))
