"""Object storage whose credentials are an Airflow connection."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import conf

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.hooks.connections import AirflowConnections

if TYPE_CHECKING:
    from airflow_mlops.storage.locations import Storage


def artifacts() -> tuple[str, Storage]:
    """Return ``[mlops] artifacts``, a local folder as an absolute path or a URI, and what opens it."""
    from airflow_mlops.storage.locations import PLAIN_STORAGE

    found = str(conf.get("mlops", "artifacts"))
    if "://" in found:
        return connected(found)
    return str(Path(found).expanduser().resolve()), PLAIN_STORAGE


def connected(uri: str) -> tuple[str, Storage]:
    """Return ``uri`` without its connection, and what opens it and all below it with that connection.

    ``s3://conn_id@bucket/folder``, as ObjectStoragePath writes it, becomes ``s3://bucket/folder``. The
    connection is looked up when a file is opened, which raises ConfigError when it or its provider is
    missing: a rollback does not depend on storage.
    """
    # Imported here: every DAG file that is parsed imports this module.
    from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage

    parts = urlsplit(uri)
    conn_id, at, place = parts.netloc.rpartition("@")
    if not at or not conn_id:
        return uri, PLAIN_STORAGE

    @cache
    def file_system() -> Any:
        try:
            return AirflowConnections().file_system(conn_id, parts.scheme)
        except ConfigError as error:
            raise ConfigError(f"{uri}: {error}") from error

    plain = parts._replace(netloc=place).geturl()
    return plain, Storage({plain.rstrip("/"): file_system})
