"""Files and folders on any file system that fsspec knows, with the credentials that belong to each."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

from airflow_mlops.core.address import shown, without_secrets
from airflow_mlops.core.errors import BackendError, ConfigError

_NO_RIGHT, _NOT_THERE = (401, 403), (404, 410)
"""What HTTP answers to who may not read, and where nothing is."""


@dataclass(frozen=True)
class Location:
    """A file or folder on any file system that fsspec knows."""

    fs: Any
    path: str
    uri: str

    @property
    def shown(self) -> str:
        """The URI as messages have it, without a password."""
        return shown(self.uri)


def locate(filepath: str, base: Path, fs: Any = None) -> Location:
    """Resolve a path (relative to ``base``), ``file://`` or another URI such as ``s3://``.

    :param fs: the file system that opens a URI; by default the one that fsspec builds with the credentials
        of this machine.

    Raises ConfigError when no installed package can read that kind of URI, BackendError when its server does
    not answer.
    """
    uri = filepath.removeprefix("file://")
    if "://" not in uri:
        try:
            uri = os.path.normpath(base.absolute() / Path(uri).expanduser())
        except RuntimeError as error:
            raise ConfigError(
                f"cannot open {shown(filepath)}: no such user: write the folder as it is"
            ) from error
    if fs is not None:
        return Location(fs, str(fs._strip_protocol(uri)), uri)
    try:
        found, path = fsspec.core.url_to_fs(uri)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"cannot open {shown(filepath)}: {error}; install the fsspec package of that scheme"
        ) from error
    except OSError as error:  # some file systems connect at once
        raise not_reached(shown(filepath), error) from error
    return Location(found, str(path), uri)


def exists(place: Location) -> bool:
    """Whether there is a file or folder; raises BackendError or ConfigError when its server does not say.

    The question of fsspec itself is answered with no whatever happens, by most of its file systems.
    """
    if place.fs.exists(place.path):
        return True
    if isinstance(place.fs, LocalFileSystem):
        return False
    try:
        place.fs.info(place.path)
    except FileNotFoundError as error:
        cause = _root_cause(error)
        if not isinstance(cause, FileNotFoundError) and getattr(cause, "status", 0) not in _NOT_THERE:
            raise not_reached(place.shown, error) from error
    return False


def _root_cause(error: Exception) -> Exception:
    """Return what has happened where a file system says "not found" to whatever happens, as that of HTTP."""
    while isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def not_reached(where: str, error: OSError) -> ConfigError | BackendError:
    """Return the error about a place that cannot be opened: only one that may be different later is retried.

    >>> not_reached("s3://lake", FileNotFoundError("lake")), not_reached("s3://lake", TimeoutError("slow"))
    (ConfigError('no such file s3://lake'), BackendError('cannot reach s3://lake: slow'))
    """
    cause = _root_cause(error)
    line = without_secrets(next(iter(str(cause).splitlines()), "")) or type(cause).__name__
    if isinstance(cause, FileNotFoundError):
        return ConfigError(f"no such file {where}")
    if isinstance(cause, PermissionError) or getattr(cause, "status", 0) in _NO_RIGHT:
        return ConfigError(
            f"cannot read {where}: {getattr(cause, 'strerror', '') or line}; check the credentials"
        )
    if getattr(cause, "errno", None) in (errno.ENAMETOOLONG, errno.ELOOP):
        return ConfigError(f"cannot open {where:.200}: {os.strerror(cause.errno)}")  # type: ignore[attr-defined]
    return BackendError(f"cannot reach {where}: {line}")


@dataclass(frozen=True)
class Storage:
    """Where files are opened: folders with a file system of their own, everything else by fsspec.

    :param folders: URI of a folder to what returns the file system that opens it and everything below it,
        called at first use. Other folders of the same scheme may have other credentials.
    """

    folders: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    def locate(self, filepath: str, base: Path | None = None) -> Location:
        """Resolve a path or URI as ``locate`` does; relative paths start from ``base``, by default here."""
        above = [folder for folder in self.folders if f"{filepath}/".startswith(f"{folder.rstrip('/')}/")]
        fs = self.folders[max(above, key=len)]() if above else None
        return locate(filepath, base or Path.cwd(), fs)


PLAIN_STORAGE: Final = Storage()
"""Every place by fsspec with the credentials of this machine."""
