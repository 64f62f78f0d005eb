"""Where MLflow is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from airflow.sdk import Connection

_FOLDERS = ("/", "./", "../", "~", "file:")


class MlflowHook(BaseHook):
    """Finds MLflow: the Airflow connection, else ``MLFLOW_TRACKING_URI``, else a SQLite file here.

    :param mlflow_conn_id: the Airflow connection; its host is the tracking URI.
    """

    conn_name_attr = "mlflow_conn_id"
    default_conn_name = "mlops_mlflow_default"
    conn_type = "mlops_mlflow"
    hook_name = "MLflow (airflow-mlops)"

    def __init__(self, mlflow_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.mlflow_conn_id = mlflow_conn_id

    def tracking_uri(self) -> str:
        """Return the tracking URI, and hand the connection's login to MLflow through its environment.

        Raises ConfigError when the connection's host is no tracking URI.
        """
        try:
            connection = self.get_connection(self.mlflow_conn_id)
        except AirflowNotFoundException:
            return self._without_connection()
        if connection.login:
            os.environ["MLFLOW_TRACKING_USERNAME"] = connection.login
            os.environ["MLFLOW_TRACKING_PASSWORD"] = connection.password or ""
        elif connection.password:
            os.environ["MLFLOW_TRACKING_TOKEN"] = connection.password
        return self._address(connection) or self._without_connection()

    def ui_url(self) -> str | None:
        """Return the address of the MLflow UI for links: the connection's ``ui_url``, else its host."""
        try:
            connection = self.get_connection(self.mlflow_conn_id)
        except AirflowNotFoundException:
            return None
        found = connection.extra_dejson.get("ui_url") or self._address(connection)
        return found.rstrip("/") if found.startswith("http") else None

    def _address(self, connection: Connection) -> str:
        host = connection.host or ""
        if host and "://" not in host and connection.port:  # a connection that was written as one URI
            return f"{connection.schema or 'http'}://{host}:{connection.port}"
        if not host or "://" in host or host.startswith(_FOLDERS) or host == "databricks":
            return host
        raise ConfigError(
            f"Airflow connection {self.mlflow_conn_id!r}: host {host!r} is no tracking URI: write it as "
            "http://host:port, https://... or sqlite:////path/mlflow.db"
        )

    def _without_connection(self) -> str:
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path.cwd() / 'mlflow.db'}"
        self.log.warning("No Airflow connection %r: MLflow is at %s", self.mlflow_conn_id, uri)
        return uri
