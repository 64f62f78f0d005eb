"""Rules about columns: those that the file names are in the header of the data.

Only a local Parquet footer or the first line of a local CSV file is read; no row, and nothing remote.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from airflow_mlops.config.expectations import expand_one
from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject, sources
from airflow_mlops.config.models import Source
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.sources import SOURCES

ANOTHER_HEADER: Final = {"names", "header", "usecols", "columns", "skiprows", "compression", "encoding",
                         "index_col", "comment", "quotechar", "engine", "dialect"}  # fmt: skip
"""Arguments with which the first line of a file is not what its reader takes for it."""


def columns(subject: Subject) -> Iterator[Finding]:
    """Target, keys, slices and columns of expectations are in the data; a slice is not on the target."""
    data, slices = subject.pipeline.data, subject.pipeline.evaluate.slices
    if data.target in slices:
        message = "the target cannot be a slice: choose another column"
        yield Finding(("evaluate", "slices", data.target), message)
    yield from _of_labels(subject)
    yield from _left_out(subject)
    known = header(data.source, subject.folder)
    if known is None:
        if slices:
            message = f"not checked that the data has {', '.join(slices)}: no local header to read"
            yield Finding(("evaluate", "slices"), message, "note")
        return
    for path, name in _column_names(subject):
        if name not in known:
            where = data.source.filepath
            message = f"column {name!r} is not in {where}{did_you_mean(name, known)}{_separator_hint(known)}"
            yield Finding(path, message)


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
        known = None if source is data.source else header(source, subject.folder)
        if known is None:
            continue
        for name in (*data.keys, data.target):
            if name not in known:
                yield Finding(path, f"column {name!r} is not in {source.filepath}{did_you_mean(name, known)}")


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
    for name in pipeline.evaluate.slices:
        yield ("evaluate", "slices", name), name
    for number, entry in enumerate(pipeline.validate_.expect if pipeline.validate_ else ()):
        for item in expand_one(entry):
            for name in item.columns:
                yield ("validate", "expect", number), name
