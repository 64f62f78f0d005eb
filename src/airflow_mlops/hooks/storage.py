"""Object storage whose credentials are an Airflow connection, for backends that only know fsspec."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.hooks.connections import AirflowConnections


def connected(uri: str) -> str:
    """Return ``uri`` without its connection, and let this process open what is below it with that connection.

    ``s3://conn_id@bucket/folder``, as ObjectStoragePath writes it, becomes ``s3://bucket/folder``. Raises
    ConfigError for a missing connection and a missing provider.
    """
    parts = urlsplit(uri)
    conn_id, found, place = parts.netloc.rpartition("@")
    if not found or not conn_id:
        return uri
    # Loaded here: every DAG file that is parsed imports this module.
    from airflow_mlops.storage.locations import opens_with

    try:
        storage = AirflowConnections().file_system(conn_id, parts.scheme)
    except ConfigError as error:
        raise ConfigError(f"{uri}: {error}") from error
    plain = parts._replace(netloc=place).geturl()
    opens_with(plain, storage)
    return plain
