"""Keeps checked configurations between parses, as JSON files in a folder that only its owner can use."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.version import VERSION
from airflow_mlops.storage.atomic import write_bytes

MAX_ENTRIES: Final = 10_000
MAX_AGE: Final = 30 * 86_400
FIX: Final = "remove it (it is created again), or set [mlops] parse_cache to another folder"
_SCHEMA: Final = "airflow_mlops.schema.json"
_MAX_BYTES: Final = 4_000_000
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Also what a process that was killed left behind; `.new` is the temporary name of earlier versions.
_ENTRY: Final = re.compile(r"[0-9a-f]{64}(\.json(\.[0-9a-f]{32}\.tmp)?|\.[0-9a-f]{32}\.new)")
_log = logging.getLogger(__name__)


class ParseCache:
    """Checked configurations in one folder, found by the digest of everything that made them.

    A key covers the text of the file and of its ``defaults.yaml``, the profile, this package's version and
    the digest of its schema, so that an entry is never out of date. An entry is data, not code: it is
    validated by the models again when it is read. The folder is made with mode 0700; one that another user
    owns or can enter, or that is a link, is not used. Nothing here raises: without the cache a file is read
    and checked as if there were none.

    :param folder: where the entries are; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._trimmed = False
        self._descriptor = _opened(folder)

    def __enter__(self) -> ParseCache:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the folder; after this nothing is found or kept."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def find(self, key: str) -> Pipeline | None:
        """Return the configuration under ``key``; None when there is none, or none that can be trusted."""
        if self._descriptor is None:
            return None
        try:
            content = _read(f"{key}.json", self._descriptor)
            digest, _, body = content.partition(b"\n")
            if hashlib.sha256(body).hexdigest().encode() != digest:
                return None
            return Pipeline.model_validate_json(body)
        except (OSError, ValidationError):
            return None

    def keep(self, key: str, pipeline: Pipeline) -> None:
        """Keep ``pipeline`` under ``key``, unless JSON would change it; the entry appears when complete."""
        body = pipeline.model_dump_json(by_alias=True, exclude_unset=True).encode()
        if self._descriptor is None or len(body) > _MAX_BYTES // 2 or not _unchanged(pipeline, body):
            return
        content = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
        try:
            self._trim(self._descriptor)
            write_bytes(f"{key}.json", content, mode=0o600, dir_fd=self._descriptor)
        except OSError as error:
            _log.debug("the parse cache %s cannot be written: %s", self.folder, error)

    def _trim(self, folder: int) -> None:
        """Remove old entries, and the oldest of too many; once in each process."""
        if self._trimmed:
            return
        self._trimmed = True
        aged = sorted(_entries(folder))
        surplus, oldest = len(aged) - MAX_ENTRIES, time.time() - MAX_AGE
        for number, (changed, name) in enumerate(aged):
            if number < surplus or changed < oldest:
                with suppress(FileNotFoundError):  # another process trims as well
                    os.unlink(name, dir_fd=folder)


def _entries(folder: int) -> Iterator[tuple[float, str]]:
    """Yield the cache's own files in the folder, each with the time of its last change."""
    with os.scandir(folder) as found:
        for entry in found:
            if _ENTRY.fullmatch(entry.name):
                with suppress(FileNotFoundError):
                    yield entry.stat(follow_symlinks=False).st_mtime, entry.name


def key(*parts: str | None) -> str:
    """Return the key of a configuration made from ``parts`` by this version of the package."""
    return hashlib.sha256(json.dumps([VERSION, _schema_digest(), *parts]).encode()).hexdigest()


@cache
def _schema_digest() -> str:
    schema = files("airflow_mlops.config").joinpath(_SCHEMA).read_bytes()
    return hashlib.sha256(schema).hexdigest()


def distrust(found: os.stat_result) -> str:
    """Return why a folder cannot be the cache of this user, or nothing."""
    if not stat.S_ISDIR(found.st_mode):
        return "is not a folder"
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}, but user {os.geteuid()} reads the pipelines"
    mode = stat.S_IMODE(found.st_mode)
    return f"has mode {mode:04o}, so that other users can enter it" if mode & _OTHERS else ""


def _opened(folder: Path) -> int | None:
    """Return the folder's descriptor; None, with a line in the log, when it cannot be trusted."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder, _FOLDER)
    except OSError as error:
        _log.info("no parse cache is used: %s", error)
        return None
    problem = distrust(os.fstat(descriptor))
    if not problem:
        return descriptor
    os.close(descriptor)
    _log.warning("the parse cache %s is not used: it %s; %s", folder, problem, FIX)
    return None


def _read(name: str, folder: int) -> bytes:
    """Return an entry's content; raises OSError for a file that another user may have written."""
    with open(os.open(name, _READ, dir_fd=folder), "rb") as stream:  # noqa: PTH123
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & _OTHERS:
            raise PermissionError(name)
        return stream.read(_MAX_BYTES)


def _unchanged(pipeline: Pipeline, body: bytes) -> bool:
    """Whether ``body`` reads back as the same configuration, to the types of its values."""
    try:
        again = Pipeline.model_validate_json(body)
    except ValidationError:
        return False
    return repr(again) == repr(pipeline) and again.model_dump_json(exclude_unset=True) == (
        pipeline.model_dump_json(exclude_unset=True)
    )
