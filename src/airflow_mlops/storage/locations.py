"""Files and folders on any file system that fsspec knows, with the credentials that belong to each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import fsspec

from airflow_mlops.core.errors import ConfigError


@dataclass(frozen=True)
class Location:
    """A file or folder on any file system that fsspec knows."""

    fs: Any
    path: str
    uri: str


def locate(filepath: str, base: Path, fs: Any = None) -> Location:
    """Resolve a path (relative to ``base``), ``file://`` or another URI such as ``s3://``.

    :param fs: the file system that opens a URI; by default the one that fsspec builds with the credentials
        of this machine.

    Raises ConfigError when no installed package can read that kind of URI.
    """
    uri = filepath.removeprefix("file://")
    if "://" not in uri:
        try:
            uri = os.path.normpath(base.absolute() / Path(uri).expanduser())
        except RuntimeError as error:
            raise ConfigError(f"cannot open {filepath}: no such user: write the folder as it is") from error
    if fs is not None:
        return Location(fs, str(fs._strip_protocol(uri)), uri)
    try:
        found, path = fsspec.core.url_to_fs(uri)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"cannot open {filepath}: {error}; install the fsspec package of that scheme"
        ) from error
    return Location(found, str(path), uri)


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
