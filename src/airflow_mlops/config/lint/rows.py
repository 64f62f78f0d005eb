"""Rules about where rows come from: queries that read, parameters, connections that have an effect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.classes import lineage
from airflow_mlops.config.lint.finding import Finding, Subject, sources
from airflow_mlops.config.lint.functions import resolve
from airflow_mlops.config.lint.secrets import secret_in
from airflow_mlops.config.models import Source
from airflow_mlops.config.queries import ARGUMENTS, is_query_file, query_text
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.core.query import WINDOW, misfit, parameters, unknown_parameter
from airflow_mlops.data.sources import SOURCES

_BUCKETS: Final = ("s3", "s3a", "gs", "gcs")


def rows(subject: Subject) -> Iterator[Finding]:
    """A query reads rows and has its parameters; a connection is named where one is used."""
    for path, source in sources(subject.pipeline):
        if source.type not in SOURCES.paths:
            yield from _own(subject, source, path)
        if source.sql is not None:
            yield from _query(source, source.sql, path, subject.folder)
        elif source.filepath is not None:
            yield from _storage(subject, source, source.filepath, path)


def _own(subject: Subject, source: Source, path: KeyPath) -> Iterator[Finding]:
    """A class of one's own is there, and has the keys that its source says it needs."""
    found = yield from resolve(subject, (*path, "type"), source.type)
    for name in lineage(found, subject.sources).literal("needs") or () if found else ():
        if getattr(source, str(name), None) is None:
            yield Finding(path, f"a source of type {source.type} needs {name}")


def _storage(subject: Subject, source: Source, place: str, path: KeyPath) -> Iterator[Finding]:
    local = "://" not in place or place.startswith("file://")
    together = subject.together((*path, "conn_id"), (*path, "filepath"))  # else a profile reads a sample
    if source.conn_id and local and together and not place.startswith("{"):
        message = f"has no effect: {place} is a local path, and a connection is for URIs such as s3://"
        yield Finding((*path, "conn_id"), message)
    parts = None if local else _split(place)
    if parts and parts[0] in _BUCKETS and "@" in parts[1]:
        conn_id, _, bucket = parts[1].rpartition("@")
        message = (
            f"{parts[0]}://{conn_id}@… is not read: write `conn_id: {conn_id}` and {parts[0]}://{bucket}/…"
        )
        if ":" not in conn_id:  # else it is a secret, and told as one
            yield Finding((*path, "filepath"), message)


def _split(place: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(place)
    except ValueError:
        return None
    return parts.scheme, parts.netloc


def _query(source: Source, given: str, path: KeyPath, folder: Path) -> Iterator[Finding]:
    here = (*path, "sql")
    try:
        sql = query_text(given, folder)
    except ConfigError as error:
        yield Finding(here, str(error))
        return
    named = f"{given}: " if is_query_file(given) else ""
    params = source.load_args.get("params") or {}
    arguments = list(_arguments(source, path))
    yield from arguments
    if is_query_file(given) and (secret := secret_in(sql)):
        yield Finding(here, f"{given}: {secret}")
    wrong = misfit(sql) or (None if arguments else unknown_parameter(sql, params))
    if wrong:
        yield Finding(here, f"{named}{wrong}")
    elif not arguments:
        yield from _unused(sql, params, (*path, "load_args", "params"))


def _arguments(source: Source, path: KeyPath) -> Iterator[Finding]:
    for name in source.load_args:
        if name not in ARGUMENTS:
            message = f"a query has no argument {name!r}{did_you_mean(name, ARGUMENTS)}; {_known()}"
            yield Finding((*path, "load_args", name), message)
    if not isinstance(source.load_args.get("params") or {}, Mapping):
        message = "expected a mapping of names, such as {region: EU} for :region"
        yield Finding((*path, "load_args", "params"), message)


def _known() -> str:
    return f"known: {', '.join(ARGUMENTS)}"


def _unused(sql: str, params: Mapping[str, object], path: KeyPath) -> Iterator[Finding]:
    used = parameters(sql)
    for name in params:
        if name in WINDOW:
            yield Finding((*path, name), f"every run gives :{name} itself: leave it out")
        elif name not in used and not re.search(r"{{|{%", sql):
            message = f"the query has no :{name}{did_you_mean(str(name), used)}"
            yield Finding((*path, name), message)
