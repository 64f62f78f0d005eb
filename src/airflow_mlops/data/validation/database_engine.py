"""The database of a source: expectations on the rows of its query, without fetching them.

Great Expectations' SQL engine asks, in one transaction that writes nothing. The rows are those of the run:
they are counted first, and compared with what ingest has recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from airflow_mlops.config.database_engine import OF_COLUMNS, OTHERS, unanswered
from airflow_mlops.config.expectations import TYPE, Expectation
from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected
from airflow_mlops.core.records import DatasetRef
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
    unsupported,
)
from airflow_mlops.data.validation.database_columns import (
    DIALECTS,
    EMPTY,
    DatabaseColumn,
    database_columns,
    example_row,
    kinds_of,
)
from airflow_mlops.data.validation.limits import bind, evaluated
from airflow_mlops.data.validation.outcome import cut, failed
from airflow_mlops.data.validation.sql_execution import check_rows
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


@dataclass(frozen=True)
class _Facts:
    """What one query says about the rows: how many, how many values each column has, and the figures.

    ``guards`` are rows on which the database and pandas may differ, by number of the expectation, ``scales``
    say how far rounding may move what is observed.
    """

    rows: int
    present: Mapping[str, int]
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
    metadata = _stored(place)
    schema = metadata.schema.to_arrow_schema()
    where = f"the query on {request.source.conn_id}"
    _all_taken(dataset, where)
    with open_query(request, snapshot=True) as (connection, statement):
        rows = _rows(connection, statement, schema, dataset)
        plan = _planned([evaluated(item, terms.parameters) for item in items], rows, terms)
        facts = _facts(connection, rows, plan.asked)
        _same_rows(dataset, facts, _gaps(metadata), where)
        for number, asked in plan.asked.items():
            _guarded(asked, facts.guards[number])
        answers = _answers(connection, rows, plan.asked, facts, terms)
    found = plan.known | answers | _on_gaps(plan.of_gaps, facts.rows, terms)
    return tuple(found[number] for number in range(len(items)))


def _stored(place: Location) -> pq.FileMetaData:
    try:
        return pq.read_metadata(place.path, filesystem=place.fs)
    except (OSError, pa.ArrowInvalid) as error:
        raise BackendError(f"cannot read {place.uri}: {error}; run the task that wrote it again") from error


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


def _rows(
    connection: sa.Connection, statement: sa.TextClause, schema: pa.Schema, dataset: DatasetRef
) -> _Rows:
    dialect = connection.dialect.name
    if dialect not in DIALECTS:
        raise ConfigError(
            f"validate.engine: database answers for {' and '.join(DIALECTS)}, got {dialect}: {OTHERS}"
        )
    source = statement.columns(*map(sa.column, dataset.columns)).subquery("source_rows")
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
    if name := reads_texts(item, rows.columns):
        raise unsupported(item, f"with a time as its limit on the column {cut(name)!r} of texts")
    bound = bind(item, rows.example, samples=terms.samples)
    if bound.mismatch:
        return failed(Outcome(item), bound.mismatch)
    return question(item, bound.arguments, rows.columns, rows.dialect)


def _facts(connection: sa.Connection, rows: _Rows, asked: Mapping[int, Question]) -> _Facts:
    present = {name: sa.func.count(column.exact) for name, column in rows.columns.items()}
    guards = [
        (number, sa.func.count().filter(guard.rows))
        for number, each in asked.items()
        for guard in each.guards
    ]
    scales = {number: each.scale for number, each in asked.items() if each.scale is not None}
    wanted = [sa.func.count(), *present.values(), *(count for _, count in guards), *scales.values()]
    named = [figure.label(f"figure_{place}") for place, figure in enumerate(wanted)]
    total, *values = connection.execute(sa.select(*named).select_from(rows.source)).one()
    counts, rest = values[: len(present)], values[len(present) :]
    by_number: dict[int, list[int]] = {number: [] for number in asked}
    for (number, _), value in zip(guards, rest, strict=False):
        by_number[number].append(int(value))
    found = dict(zip(scales, rest[len(guards) :], strict=True))
    return _Facts(int(total), dict(zip(present, map(int, counts), strict=True)), by_number, found)


def _gaps(metadata: pq.FileMetaData) -> dict[str, int]:
    """Return the number of missing values of the stored columns whose counts are known."""
    found: dict[str, int] = {}
    unknown: set[str] = set()
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            name, counts = column.path_in_schema, column.statistics
            if counts is None or not counts.has_null_count:
                unknown.add(name)
            else:
                found[name] = found.get(name, 0) + counts.null_count
    return {name: missing for name, missing in found.items() if name not in unknown}


def _same_rows(dataset: DatasetRef, facts: _Facts, gaps: Mapping[str, int], where: str) -> None:
    """Raise DataRejected when the rows in the database are others than those that ingest has read."""
    changed = f"{where}: the table changed between ingest and validate"
    if facts.rows != dataset.rows:
        raise DataRejected(
            f"{changed}: {dataset.rows:,} rows then, {facts.rows:,} now; run ingest again, then validate"
        )
    for name, present in facts.present.items():
        then, now = gaps.get(name), facts.rows - present
        if then is not None and then != now:
            raise DataRejected(
                f"{changed}: the column {cut(name)!r} had {then:,} rows without a value then, {now:,} now; "
                "run ingest again, then validate"
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
    types = {name: column.sql_type for name, column in rows.columns.items()}
    for exact in (False, True):
        chosen = {number: each for number, each in asked.items() if each.exact is exact}
        if not chosen:
            continue
        select = sa.select(*(
            (column.exact if exact else column.compared).label(name) for name, column in rows.columns.items()
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


def _on_gaps(items: Mapping[int, Expectation], rows: int, terms: Terms) -> dict[int, Outcome]:
    """Return the outcomes of expectations on columns without any value, which need no database."""
    if not items:
        return {}
    names = dict.fromkeys(name for item in items.values() for name in item.columns)
    frame = pd.DataFrame({name: pd.Series([None] * rows, dtype=object) for name in names})
    return dict(zip(items, evaluate(frame, list(items.values()), terms), strict=True))
