"""Where the model server's administrators come in, and their token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_mlops.core.connection import SERVING_CONN_ID, Connection
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.hooks.connections import fields_of
from airflow_mlops.rollout import targets
from airflow_mlops.rollout.targets.base import address_in


@dataclass(frozen=True)
class ServingAddress:
    """Base URL and bearer token of a model server's administrators."""

    base_url: str
    token: str


class ServingHook(BaseHook):
    """Reads the model server's address and token from an Airflow connection.

    :param serving_conn_id: the Airflow connection; its host is the administrators' base URL, its
        password their token.
    """

    conn_name_attr = "serving_conn_id"
    default_conn_name = SERVING_CONN_ID
    conn_type = "mlops_serving"
    hook_name = "Model server (airflow-mlops)"

    def __init__(self, serving_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.serving_conn_id = serving_conn_id

    def address(self) -> ServingAddress:
        """Return the server's address; raises ConfigError when the connection is missing or incomplete."""
        connection = self.connection()
        if not connection.host or not connection.password:
            raise ConfigError(
                f"Airflow connection {self.serving_conn_id!r} needs the address as host, a token as password"
            )
        return ServingAddress(address_in(connection), connection.password)

    def options(self, target: str) -> dict[str, Any]:
        """Return what a deployment target is created with, such as its address and token.

        Raises ConfigError for an unknown target, and when the connection is missing or incomplete.
        """
        return targets.facts(target).options(self.connection())

    def connection(self) -> Connection:
        """Return the fields of the connection; raises ConfigError when there is no such connection."""
        try:
            return fields_of(self.get_connection(self.serving_conn_id))
        except AirflowNotFoundException:
            raise ConfigError(
                f"no Airflow connection {self.serving_conn_id!r}: add one of type mlops_serving with the "
                "server's administrators' address as host and their token as password"
            ) from None
