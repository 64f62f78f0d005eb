"""Where the model server is, and its token."""

from __future__ import annotations

from dataclasses import dataclass

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_mlops.core.errors import ConfigError


@dataclass(frozen=True)
class ServingAddress:
    """Base URL and bearer token of a model server."""

    base_url: str
    token: str


class ServingHook(BaseHook):
    """Reads the model server's address and token from an Airflow connection.

    :param serving_conn_id: the Airflow connection; its host is the base URL, its password the token.
    """

    conn_name_attr = "serving_conn_id"
    default_conn_name = "mlops_serving_default"
    conn_type = "mlops_serving"
    hook_name = "Model server (airflow-mlops)"

    def __init__(self, serving_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.serving_conn_id = serving_conn_id

    def address(self) -> ServingAddress:
        """Return the server's address; raises ConfigError when the connection is missing or incomplete."""
        try:
            connection = self.get_connection(self.serving_conn_id)
        except AirflowNotFoundException:
            raise ConfigError(
                f"no Airflow connection {self.serving_conn_id!r}: add one of type mlops_serving with the "
                "server's address as host and its token as password"
            ) from None
        if not connection.host or not connection.password:
            raise ConfigError(
                f"Airflow connection {self.serving_conn_id!r} needs the address as host, a token as password"
            )
        base_url = connection.host.rstrip("/")
        if "://" not in base_url:
            base_url = f"http://{base_url}" + (f":{connection.port}" if connection.port else "")
        return ServingAddress(base_url, connection.password)
