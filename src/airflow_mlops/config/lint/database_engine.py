"""Rules about `validate.engine: database`: the database sees the rows, and answers what is expected."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_mlops.config.database_engine import DATABASE, OTHERS, unanswered, unfit
from airflow_mlops.config.expectations import expand_one
from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject, is_template
from airflow_mlops.config.models import Data
from airflow_mlops.config.queries import query_text
from airflow_mlops.config.suites import read_suite
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.data.core.query import WINDOW, fickle, parameters
from airflow_mlops.data.core.query import is_template as fills_in
from airflow_mlops.data.core.time_signs import is_named_like_time


def database_engine(subject: Subject) -> Iterator[Finding]:
    """The rows of the run are those of the query, and each expectation is one that the database answers."""
    section, data = subject.pipeline.validate_, subject.pipeline.data
    if section is None or section.engine != DATABASE:
        return
    found = [Finding(path, message) for path, message in unfit(data, section)]
    yield from found
    if data.source.type == "sql":
        yield from (each for each in _query(subject, data) if not found or each.level == "error")
    for number, entry in enumerate(section.expect):
        for item in expand_one(entry):
            if reason := unanswered(item):
                yield Finding(("validate", "expect", number, item.name), reason)
    if section.suite and not is_template(section.suite):
        try:
            items = read_suite(section.suite, subject.folder)
        except ConfigError:  # reported by the rule about expectations
            return
        for number, item in enumerate(items):
            if reason := unanswered(item):
                yield Finding(("validate", "suite"), f"expectations[{number}]: {reason}")


def _query(subject: Subject, data: Data) -> Iterator[Finding]:
    """The query has the same rows each time, and ends where the run's rows end."""
    try:
        sql = query_text(str(data.source.sql), subject.folder)
    except ConfigError:  # reported by the rule about rows
        return
    path = ("data", "source", "sql")
    if reason := fickle(sql):
        yield Finding(
            path,
            f"validate.engine database cannot judge rows that change with each query: {reason}, or {OTHERS}",
        )
    yield from _window(sql, data, path)


def _window(sql: str, data: Data, path: KeyPath) -> Iterator[Finding]:
    """Later rows do not change what is judged."""
    name, declared = data.time_column, data.time is not None and data.time.is_declared
    is_time = name is not None and (declared or is_named_like_time(name))
    if not is_time or fills_in(sql) or WINDOW[1] in parameters(sql):
        return
    message = (
        f"the query does not use :{WINDOW[1]}: validate.engine database refuses to judge rows that the run "
        f"leaves out or that arrive after ingest; add WHERE {name} < :{WINDOW[1]}"
    )
    yield Finding(path, message, "warning")
