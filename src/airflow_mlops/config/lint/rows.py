"""Rules about where rows come from: queries that read, parameters, connections that have an effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject, file_paths, sources
from airflow_mlops.config.lint.functions import class_attribute
from airflow_mlops.config.lint.secrets import secret_in
from airflow_mlops.config.models import Source
from airflow_mlops.config.queries import ARGUMENTS, is_query_file, query_text
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.core.query import WINDOW, is_template, misfit, parameters, unknown_parameter
from airflow_mlops.data.sources import SOURCES

_BUCKETS: Final = ("s3", "s3a", "gs", "gcs")


def rows(subject: Subject) -> Iterator[Finding]:
    """A query reads rows and has its parameters; a connection is named where one is used."""
    for path, source in sources(subject.pipeline):
        if source.type not in SOURCES.paths:
            yield from _needed_keys(subject, source, path)
        if source.sql is not None:
            yield from _query(source, source.sql, path, subject.folder)
        elif source.filepath is not None:
            yield from _storage(subject, source, path)


def _needed_keys(subject: Subject, source: Source, path: KeyPath) -> Iterator[Finding]:
    """The class of the user's own source exists, and has the keys that it declares to need."""
    needs = yield from class_attribute(subject, (*path, "type"), source.type, "needs")
    for name in needs or ():
        if getattr(source, str(name), None) is None:
            yield Finding(path, f"a source of type {source.type} needs {name}")


def _storage(subject: Subject, source: Source, path: KeyPath) -> Iterator[Finding]:
    together = subject.together((*path, "conn_id"), (*path, "filepath"))  # else a profile reads a sample
    local = [text for text in source.paths if _is_local(text) and not text.startswith("{")]
    if source.conn_id and together and len(local) == len(source.paths):
        message = f"has no effect: {local[0]} is a local path, and a connection is for URIs such as s3://"
        yield Finding((*path, "conn_id"), message)
    if missing := SOURCES.load(source.type)().missing_library(source) if source.type in SOURCES.paths else "":
        message = (
            f"needs a library that is not installed here: pip install {missing}, where tasks run as well"
        )
        yield Finding((*path, "type"), message, "warning")
    for place, text in file_paths(source, path):
        yield from _bucket(text, place)


def _is_local(filepath: str) -> bool:
    return "://" not in filepath or filepath.startswith("file://")


def _bucket(filepath: str, place: KeyPath) -> Iterator[Finding]:
    """A connection in the place of the user in a URI is not read."""
    is_local = _is_local(filepath)
    scheme, host = ("", "") if is_local else _scheme_and_host(filepath)
    conn_id, at, bucket = host.rpartition("@")
    if scheme in _BUCKETS and at and ":" not in conn_id:  # with a colon it is a secret, reported as one
        message = f"{scheme}://{conn_id}@… is not read: write `conn_id: {conn_id}` and {scheme}://{bucket}/…"
        yield Finding(place, message)


def _scheme_and_host(uri: str) -> tuple[str, str]:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def _query(source: Source, written: str, path: KeyPath, folder: Path) -> Iterator[Finding]:
    here = (*path, "sql")
    try:
        sql = query_text(written, folder)
    except ConfigError as error:
        yield Finding(here, str(error))
        return
    params = source.load_args.get("params") or {}
    arguments = list(_arguments(source, path))
    yield from arguments
    file = f"{written}: " if is_query_file(written) else ""
    if file and (secret := secret_in(sql)):
        yield Finding(here, f"{file}{secret}")
    if fault := misfit(sql) or (None if arguments else unknown_parameter(sql, params)):
        yield Finding(here, f"{file}{fault}")
    elif not arguments:
        yield from _unused_parameters(sql, params, (*path, "load_args", "params"))


def _arguments(source: Source, path: KeyPath) -> Iterator[Finding]:
    for name in source.load_args:
        if name not in ARGUMENTS:
            hint = f"{did_you_mean(name, ARGUMENTS)}; known: {', '.join(ARGUMENTS)}"
            yield Finding((*path, "load_args", name), f"a query has no argument {name!r}{hint}")
    params = source.load_args.get("params") or {}
    if not isinstance(params, Mapping):
        message = f"must be a mapping of names, such as {{region: EU}} for :region, got {params!r:.80}"
        yield Finding((*path, "load_args", "params"), message)


def _unused_parameters(sql: str, params: Mapping[str, object], path: KeyPath) -> Iterator[Finding]:
    used = parameters(sql)
    for name in params:
        if name in WINDOW:
            yield Finding((*path, name), f":{name} is set by every run: leave it out")
        elif name not in used and not is_template(sql):
            yield Finding((*path, name), f"the query has no :{name}{did_you_mean(str(name), used)}")
