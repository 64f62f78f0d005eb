"""Rules about the event time: it is declared where it is not ISO 8601, and the declaration reads the data.

Only the first rows of a local file are read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.columns import ANOTHER_HEADER
from airflow_mlops.config.lint.finding import Finding, Subject, is_template
from airflow_mlops.config.models import EventTime, Source
from airflow_mlops.config.queries import query_text
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.time_format import ISO, reads
from airflow_mlops.data.core.query import window_fault
from airflow_mlops.data.core.time_signs import advice, are_like_times, is_iso, is_named_like_time, misplaced
from airflow_mlops.data.sources import SOURCES

_CHANGING: Final = {
    "parse_dates",
    "converters",
    "date_format",
    "dtype",
    "dayfirst",
    "skipfooter",
    "thousands",
}
"""Arguments with which the reader gives other values than the file has."""
_SHOWN: Final = 3
_MOSTLY: Final = 0.5


def event_time(subject: Subject) -> Iterator[Finding]:
    """The event time can be read from the values of a local file, and a query compares it rightly."""
    data = subject.pipeline.data
    declared, name = data.time, data.time_column
    if declared is None or name is None:
        return
    own, checks = subject.pipeline.evaluate.test_set, subject.pipeline.validate_
    quotes = checks is None or checks.quotes_cells
    for source in (data.source, *((own,) if own else ())):
        yield from _query(subject, source, declared)
    path: KeyPath = ("data", "time") if declared.is_declared else ("data", "keys", data.keys.index(name))
    values = _values(data.source, name, subject.folder)
    written = _written(values)
    are_times = any(isinstance(value, date) for value in values) or any(map(is_iso, written))
    if own and (declared.is_declared or are_times):
        others = _written(_values(own, name, subject.folder))
        yield from _of_test_set(own, others, name, declared, quotes=quotes)
    if not written:
        return
    if declared.is_declared:
        yield from _declared(written, declared, path, quotes=quotes)
    elif not any(map(is_iso, written)) and not _is_like_time(written, name):
        yield from _misplaced(subject)
    elif not all(map(is_iso, written)):
        yield from _undeclared(written, name, path, quotes=quotes)


def _written(values: list[Any]) -> list[str]:
    """Return different values of a column as text, without those that are times already."""
    texts = [_text(value) for value in values if not isinstance(value, date)]
    return list(dict.fromkeys(text for text in texts if text))


def _is_like_time(written: list[str], name: str) -> bool:
    return is_named_like_time(name) or are_like_times(written, name)


def _misplaced(subject: Subject) -> Iterator[Finding]:
    """A key that is a time is the last one."""
    data = subject.pipeline.data
    for number, name in enumerate(data.keys[:-1]):
        values = _values(data.source, name, subject.folder)
        written = _written(values)
        typed = any(isinstance(value, date) for value in values)
        iso = sum(map(is_iso, written)) > _MOSTLY * len(written)
        if typed or iso or (is_named_like_time(name) and are_like_times(written, name)):
            yield Finding(("data", "keys", number), misplaced(name, data.keys[-1]))


def _undeclared(written: list[str], name: str, path: KeyPath, *, quotes: bool) -> Iterator[Finding]:
    named = is_named_like_time(name)
    if not _is_like_time(written, name):
        return
    other = [text for text in written if not is_iso(text)]
    if len(other) < _MOSTLY * len(written):
        message = (
            f"{name!r} is a time, but has values that cannot be read as one{_quoted(other, quotes)}: correct "
            f"them, or quarantine such rows with `time: {{column: {name}, max_quarantine: 0.01}}` under data"
        )
    else:
        sign = "is named as a time" if named else "has values that look like times"
        message = f"{name!r} {sign} but is not ISO 8601{_quoted(other, quotes)}: {advice(name, other)}"
    yield Finding(path, message)


def _of_test_set(
    source: Source, written: list[str], name: str, declared: EventTime, *, quotes: bool
) -> Iterator[Finding]:
    """A test set of its own has its times as the training rows have theirs."""
    form = declared.format or ISO
    other = _unread(written, form)
    if len(other) > declared.max_quarantine * len(written):
        message = (
            f"{len(other)} of the first {len(written)} values of {name!r} in {source.filepath} cannot be "
            f"read as {form}{_quoted(other, quotes)}: write them as the training rows have theirs"
        )
        yield Finding(("evaluate", "holdout", "source"), message)


def _unread(written: list[str], form: str) -> list[str]:
    return [text for text in written if not (is_iso(text) if form == ISO else reads(text, form))]


def _declared(written: list[str], declared: EventTime, path: KeyPath, *, quotes: bool) -> Iterator[Finding]:
    form = declared.format or ISO
    other = _unread(written, form)
    if len(other) <= declared.max_quarantine * len(written):
        return
    if len(other) == len(written):
        message = (
            f"none of the first values can be read as {form}{_quoted(other, quotes)}: correct the format"
        )
    else:
        message = (
            f"{len(other)} of the first {len(written)} values cannot be read as "
            f"{form}{_quoted(other, quotes)}: correct them, or quarantine such rows with max_quarantine"
        )
    yield Finding((*path, "format") if declared.format else path, message)


def _query(subject: Subject, source: Source, declared: EventTime) -> Iterator[Finding]:
    """A query does not compare the window, which is in UTC, with times that are written in another way."""
    if source.sql is None:
        return
    try:
        sql = query_text(source.sql, subject.folder)
    except ConfigError:  # reported by the rule about rows
        return
    if fault := window_fault(sql, declared.format, declared.timezone or "UTC"):
        key = "format" if declared.format not in (None, ISO) else "timezone"
        yield Finding(("data", "time", key), fault)


def _values(source: Source, column: str, folder: Path) -> list[Any]:
    """Return the first values of a column of a local file, or nothing when they are not known."""
    text = source.filepath
    if not isinstance(text, str) or "://" in text or is_template(text) or source.type not in SOURCES.paths:
        return []
    if (ANOTHER_HEADER | _CHANGING) & set(source.load_args):
        return []
    try:
        file = folder / Path(text).expanduser()
        reader = SOURCES.load(source.type)()
        return reader.sample(file, column, source.load_args) if file.is_file() else []
    except (OSError, ValueError, RuntimeError, KeyError, csv.Error):  # the stage that reads reports it
        return []


def _text(value: Any) -> str:
    if value is None or isinstance(value, datetime | date):
        return ""
    whole = isinstance(value, float) and value.is_integer()
    return "" if value != value else str(int(value) if whole else value).strip()


def _quoted(texts: list[str], quotes: bool) -> str:
    return f" ({', '.join(repr(text[:60]) for text in texts[:_SHOWN])})" if quotes else ""
