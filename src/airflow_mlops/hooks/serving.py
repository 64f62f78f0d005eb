"""Where the model server is, and its token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from airflow.sdk import Connection


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
        return self._address(self._connection())

    def options(self, target: str) -> dict[str, Any]:
        """Return what a deployment target is made with: address, token, and for ``haproxy`` its extra.

        Raises ConfigError when the connection is missing or incomplete.
        """
        connection = self._connection()
        address = self._address(connection)
        options: dict[str, Any] = {"base_url": address.base_url, "token": address.token}
        return options | (self._haproxy(connection) if target == "haproxy" else {})

    def _haproxy(self, connection: Connection) -> dict[str, Any]:
        found = connection.extra_dejson.get("haproxy")
        slots = found.get("slots") if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping) or not found.get("socket") or not isinstance(slots, Mapping):
            raise ConfigError(
                f"Airflow connection {self.serving_conn_id!r}: target haproxy needs an extra such as "
                '{"haproxy": {"socket": "/run/haproxy/admin.sock", '
                '"slots": {"a": "http://host-a:8500", "b": "http://host-b:8500"}}}'
            )
        unknown = sorted(set(found) - {"socket", "slots", "backend"})
        if unknown:
            raise ConfigError(
                f"Airflow connection {self.serving_conn_id!r}: is not a known key(s) {', '.join(unknown)} in its "
                "extra haproxy; known: socket, slots, backend"
            )
        return dict(found)

    def _connection(self) -> Connection:
        try:
            return self.get_connection(self.serving_conn_id)
        except AirflowNotFoundException:
            raise ConfigError(
                f"no Airflow connection {self.serving_conn_id!r}: add one of type mlops_serving with the "
                "server's address as host and its token as password"
            ) from None

    def _address(self, connection: Connection) -> ServingAddress:
        if not connection.host or not connection.password:
            raise ConfigError(
                f"Airflow connection {self.serving_conn_id!r} needs the address as host, a token as password"
            )
        base_url = connection.host.rstrip("/")
        if "://" not in base_url:
            base_url = f"http://{base_url}" + (f":{connection.port}" if connection.port else "")
        return ServingAddress(base_url, connection.password)
