"""Where MLflow is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_mlops.core.connection import MLFLOW_CONN_ID
from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_mlops.training.mlflow_access import Mlflow

_FOLDERS = ("/", "./", "../", "~", "file:")


class MlflowHook(BaseHook):
    """Finds MLflow: the Airflow connection, else ``MLFLOW_TRACKING_URI``, else a SQLite file here.

    :param mlflow_conn_id: the Airflow connection; its host is the tracking URI.
    """

    conn_name_attr = "mlflow_conn_id"
    default_conn_name = MLFLOW_CONN_ID
    conn_type = "mlops_mlflow"
    hook_name = "MLflow (airflow-mlops)"

    def __init__(self, mlflow_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.mlflow_conn_id = mlflow_conn_id

    def tracking_uri(self) -> str:
        """Return the tracking URI; raises ConfigError when the connection's host is not one."""
        return self.access().uri

    def access(self) -> Mlflow:
        """Return MLflow with the connection's login.

        Raises ConfigError when its host is not a tracking URI.
        """
        # Imported here: every DAG file that is parsed imports this module.
        from airflow_mlops.training.mlflow_access import Mlflow

        try:
            connection = self.get_connection(self.mlflow_conn_id)
        except AirflowNotFoundException:
            return Mlflow(self._without_connection())
        uri = self._address(connection) or self._without_connection()
        if connection.login:
            login = {"USERNAME": connection.login, "PASSWORD": connection.password or ""}
        else:
            login = {"TOKEN": connection.password} if connection.password else {}
        return Mlflow(uri, {f"MLFLOW_TRACKING_{name}": value for name, value in login.items()})

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
            f"Airflow connection {self.mlflow_conn_id!r}: host {host!r} is not a tracking URI: it must be "
            "http://host:port, https://... or sqlite:////path/mlflow.db"
        )

    def _without_connection(self) -> str:
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path.cwd() / 'mlflow.db'}"
        self.log.warning("No Airflow connection %r: MLflow is at %s", self.mlflow_conn_id, uri)
        return uri
