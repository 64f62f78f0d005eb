"""Rules about columns: those that the file names are in the header of the data.

Only a local Parquet footer or the first line of a local CSV file is read; no row, and nothing remote.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from airflow_mlops.config.expectations import expand_one
from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject, sources
from airflow_mlops.config.lint.preprocess import preprocessed_columns
from airflow_mlops.config.models import Data, Evaluate, Source
from airflow_mlops.config.suites import read_suite
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.sources import SOURCES

ANOTHER_HEADER: Final = {"names", "header", "usecols", "columns", "skiprows", "compression", "encoding",
                         "index_col", "comment", "quotechar", "engine", "dialect"}  # fmt: skip
"""Arguments with which the first line of a file is not what its reader takes for it."""


def columns(subject: Subject) -> Iterator[Finding]:
    """Target, keys, slices, groups and columns of expectations are in the data; no slice is on the target."""
    data, section = subject.pipeline.data, subject.pipeline.evaluate
    for key, named, one in _parts(section):
        if data.target in named:
            message = f"the target cannot be a {one}: choose another column"
            yield Finding(("evaluate", key, data.target), message)
    yield from _of_labels(subject)
    yield from _of_test_set(subject)
    yield from _left_out(subject)
    yield from _not_kept(subject)
    yield from _of_joins(subject)
    known = known_columns(data, subject.folder)
    if known is None:
        for key, names, _ in _parts(section):
            if names:
                message = f"not checked that the data has {', '.join(names)}: no local header to read"
                yield Finding(("evaluate", key), message, "note")
        return
    for path, name in _column_names(subject):
        if name not in known:
            where = data.source.filepath
            message = f"column {name!r} is not in {where}{did_you_mean(name, known)}{_separator_hint(known)}"
            yield Finding(path, message)


def _parts(section: Evaluate) -> Iterator[tuple[str, Collection[str], str]]:
    """Yield the keys of the gate that name columns of the raw rows, the columns, and what a value makes."""
    yield "slices", section.slices, "slice"
    yield "slices_against_champion", section.slices_against_champion, "slice"
    yield "groups", section.groups, "group"


def _separator_hint(known: Sequence[str]) -> str:
    """Say that the only column seems to be several with another separator."""
    if len(known) == 1 and (other := re.search(r"[;\t|]", known[0])):
        return f" (its first line is one column: write load_args: {{sep: {other[0]!r}}})"
    return ""


def _left_out(subject: Subject) -> Iterator[Finding]:
    """A column that the file names is not left out by the choice of columns that it reads."""
    source = subject.pipeline.data.source
    key = SOURCES.load(source.type).columns_argument if source.type in SOURCES.paths else ""
    chosen = source.load_args.get(key) if key else None
    if not isinstance(chosen, list) or not all(isinstance(name, str) for name in chosen):
        return
    for path, name in _column_names(subject):
        if name not in chosen:
            message = (
                f"data.source.load_args.{key} leaves out the column {name!r}{did_you_mean(name, chosen)}"
            )
            yield Finding(path, message)


def _of_labels(subject: Subject) -> Iterator[Finding]:
    """The place where labels land has the keys and the target."""
    data = subject.pipeline.data
    for path, source in sources(subject.pipeline):
        known = header(source, subject.folder) if path[0] == "monitor" else None
        if known is None:
            continue
        for name in (*data.keys, data.target):
            if name not in known:
                yield Finding(path, f"column {name!r} is not in {source.filepath}{did_you_mean(name, known)}")


def _of_test_set(subject: Subject) -> Iterator[Finding]:
    """A test set of its own has the columns that the file names of the training rows."""
    data, own = subject.pipeline.data, subject.pipeline.evaluate.test_set
    known = header(own, subject.folder) if own else None
    if own is None or known is None:
        return
    for name in (*data.keys, data.target):
        if name not in known:
            message = f"column {name!r} is not in {own.filepath}{did_you_mean(name, known)}"
            yield Finding(("evaluate", "holdout", "source"), message)


def _not_kept(subject: Subject) -> Iterator[Finding]:
    """A column that the file names is not one that data.columns leaves out."""
    columns = subject.pipeline.data.columns
    for path, name in _column_names(subject) if columns.use or columns.drop else ():
        if path[:2] in (("data", "target"), ("data", "keys"), ("data", "columns")):
            continue
        if name in columns.drop:
            yield Finding(path, f"data.columns.drop leaves out the column {name!r}")
        elif columns.use and name not in (
            *columns.use,
            *subject.pipeline.data.keys,
            subject.pipeline.data.target,
        ):
            hint = did_you_mean(name, columns.use)
            yield Finding(path, f"data.columns.use does not keep the column {name!r}{hint}")


def _of_joins(subject: Subject) -> Iterator[Finding]:
    """The columns by which sources are joined are there; values of today do not stand for those of then."""
    data = subject.pipeline.data
    for number, join in enumerate(data.join):
        here = ("data", "join", number)
        known = header(join.source, subject.folder)
        for key, name in (
            *(("by", name) for name in join.by),
            *((("time", join.time),) if join.time else ()),
        ):
            if known is not None and name not in known:
                message = f"column {name!r} is not in {join.source.filepath}{did_you_mean(name, known)}"
                yield Finding((*here, key), message)
        if join.time is None and len(data.keys) > 1:
            message = (
                "takes the values as they are now, whatever the event time of a row: if they change, give "
                "the join a `time`"
            )
            yield Finding(here, message, "note")


def known_columns(data: Data, folder: Path) -> list[str] | None:
    """Return the columns of the data and its joins, or None when they are not known without reading rows."""
    found = header(data.source, folder)
    for join in data.join:
        more = header(join.source, folder)
        if found is None or more is None:
            return None
        found += [f"{join.prefix}{name}" for name in more if name not in (*join.by, join.time)]
    return found


def header(source: Source, folder: Path) -> list[str] | None:
    """Return the columns of a local file, or None when they are not known without reading it."""
    text = source.filepath
    if not isinstance(text, str) or "://" in text or "{" in text or ANOTHER_HEADER & set(source.load_args):
        return None
    if source.type not in SOURCES.paths:
        return None
    try:
        file = folder / Path(text).expanduser()
        return SOURCES.load(source.type)().header(file, source.load_args) if file.is_file() else None
    except (OSError, ValueError, RuntimeError, csv.Error):  # the stage that reads the data reports it
        return None


def _column_names(subject: Subject) -> Iterator[tuple[KeyPath, str]]:
    pipeline = subject.pipeline
    yield ("data", "target"), pipeline.data.target
    written = subject.written("data").get("keys")
    keys = len(written) if isinstance(written, list) else 0
    for number, name in enumerate(pipeline.data.keys):
        yield ("data", "keys", number) if number < keys else ("data", "time", "column"), name
    for part in ("use", "drop"):
        for number, name in enumerate(getattr(pipeline.data.columns, part)):
            yield ("data", "columns", part, number), name
    if pipeline.train.weights:
        yield ("train", "weights"), pipeline.train.weights
    for key, names, _ in _parts(pipeline.evaluate):
        yield from ((("evaluate", key, name), name) for name in names)
    yield from () if pipeline.features else preprocessed_columns(subject)
    for number, entry in enumerate(pipeline.validate_.expect if pipeline.validate_ else ()):
        for item in expand_one(entry):
            for name in item.columns:
                yield ("validate", "expect", number), name
    for name in _suite_columns(subject):
        yield ("validate", "suite"), name


def _suite_columns(subject: Subject) -> Iterator[str]:
    section = subject.pipeline.validate_
    with suppress(ConfigError):  # the rule about expectations reports it
        for item in read_suite(section.suite, subject.folder) if section and section.suite else ():
            yield from item.columns
