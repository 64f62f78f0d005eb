"""Object storage whose credentials are an Airflow connection, for backends that only know fsspec."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from airflow.sdk.exceptions import AirflowException

from airflow_mlops.core.errors import ConfigError

_CONNECTED: Final[dict[str, str]] = {}


def connected(uri: str) -> str:
    """Return ``uri`` without its connection, and let fsspec use that connection for the URI's scheme.

    ``s3://conn_id@bucket/folder``, as ObjectStoragePath writes it, becomes ``s3://bucket/folder``. The
    credentials become fsspec's defaults of that scheme in this process, which is one task: a second
    connection for the same scheme raises ConfigError, as do a missing connection and a missing provider.
    """
    parts = urlsplit(uri)
    conn_id, found, place = parts.netloc.rpartition("@")
    if not found or not conn_id:
        return uri
    known = _CONNECTED.setdefault(parts.scheme, conn_id)
    if known != conn_id:
        raise ConfigError(f"{uri}: {parts.scheme}:// uses the connection {known!r} already: use one for both")
    # Loaded here: every DAG file that is parsed imports this module.
    from airflow.sdk.io import attach
    from fsspec.config import conf

    try:
        storage = attach(parts.scheme, conn_id).fs
    except (AirflowException, ValueError, ImportError) as error:
        del _CONNECTED[parts.scheme]
        raise ConfigError(
            f"{uri}: {error}; add the connection {conn_id!r} and install Airflow's provider of "
            f"{parts.scheme}://"
        ) from error
    conf.setdefault(parts.scheme, {}).update(storage.storage_options)
    return parts._replace(netloc=place).geturl()
