"""Files and folders on any file system that fsspec knows, with the credentials that belong to each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fsspec

from airflow_mlops.core.errors import ConfigError

_OWN: Final[dict[str, Any]] = {}


@dataclass(frozen=True)
class Location:
    """A file or folder on any file system that fsspec knows."""

    fs: Any
    path: str
    uri: str


def locate(filepath: str, base: Path, fs: Any = None) -> Location:
    """Resolve a path (relative to ``base``), ``file://`` or another URI such as ``s3://``.

    :param fs: the file system that opens a URI; by default that of the folder which ``opens_with`` named,
        else the one that fsspec makes with the credentials of this machine.

    Raises ConfigError when no installed package can read that kind of URI.
    """
    uri = filepath.removeprefix("file://")
    if "://" not in uri:
        try:
            uri = os.path.normpath(base.absolute() / Path(uri).expanduser())
        except RuntimeError as error:
            raise ConfigError(f"cannot open {filepath}: no such user: write the folder as it is") from error
    own = _own(uri) if fs is None else fs
    if own is not None:
        return Location(own, str(own._strip_protocol(uri)), uri)
    try:
        found, path = fsspec.core.url_to_fs(uri)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"cannot open {filepath}: {error}; install the fsspec package of that scheme"
        ) from error
    return Location(found, str(path), uri)


def opens_with(folder: str, fs: Any) -> None:
    """Open a folder given by its URI, and all below it, with a file system of its own in this process.

    Other folders of the same scheme stay as they are: each may have other credentials.
    """
    _OWN[folder.rstrip("/")] = fs


def _own(uri: str) -> Any:
    above = [folder for folder in _OWN if uri == folder or uri.startswith(f"{folder}/")]
    return _OWN[max(above, key=len)] if above else None
