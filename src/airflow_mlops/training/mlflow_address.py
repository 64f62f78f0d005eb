"""Whether anybody answers at MLflow's address: asked first, since its client would try for minutes."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import BackendError

_CONNECT_SECONDS: Final = 5.0


def database_file(uri: str) -> Path:
    """Return the file of a SQLite address."""
    return Path(uri.removeprefix("sqlite:///").partition("?")[0])


def reach(uri: str) -> None:
    """Raise BackendError when nobody answers at ``uri``, or its database file cannot be used."""
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            raise BackendError(
                f"MLflow at {shown(uri)} does not answer ({error.strerror or error}): start it, or "
                "correct the host and port of the MLflow connection"
            ) from error
    elif parts.scheme == "sqlite" and ":memory:" not in uri:
        _reach_file(database_file(uri), uri)


def _reach_file(file: Path, uri: str) -> None:
    folder = next((parent for parent in file.absolute().parents if parent.exists()), Path("/"))
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise BackendError(
            f"MLflow at {shown(uri)}: cannot create a database in {folder}: correct the path or its rights"
        )
    if file.is_dir() or (file.exists() and not os.access(file, os.R_OK | os.W_OK)):
        raise BackendError(
            f"MLflow at {shown(uri)}: {file} is not a database file that can be read and written"
        )
    if file.is_file() and file.stat().st_size:
        with file.open("rb") as head:
            if head.read(15) != b"SQLite format 3":
                raise BackendError(
                    f"MLflow at {shown(uri)}: {file} is not an SQLite database: correct the path"
                )
