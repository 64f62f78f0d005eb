"""The connections that pipelines name, and what they are for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from airflow_mlops.config.models import Pipeline
from airflow_mlops.data import sources

MLFLOW: Final = "mlflow"
SERVER: Final = "model server"
ROLLOUTS: Final = "rollouts"
DATABASE: Final = "database"
OTHER: Final = "other"
_PURPOSES: Final = {"mlflow_conn_id": MLFLOW, "deploy.conn_id": SERVER}


@dataclass(frozen=True)
class Need:
    """One connection: what it is for, the pipelines that name it, and for a server the deployment target."""

    conn_id: str
    purpose: str
    pipelines: tuple[str, ...]
    target: str = ""


def needs(pipelines: Iterable[Pipeline], artifacts: str = "", rollouts: str = "") -> list[Need]:
    """Return every connection that the pipelines and the settings of ``[mlops]`` name, MLflow's first."""
    users: dict[tuple[str, str, str], list[str]] = {}
    for pipeline in pipelines:
        for conn_id, purpose in dict.fromkeys(_walk(pipeline.effective(), "")):
            target = pipeline.deploy.target if pipeline.deploy and purpose == SERVER else ""
            users.setdefault((conn_id, purpose, target), []).append(pipeline.name)
    for conn_id in _in_uri(artifacts):
        users.setdefault((conn_id, OTHER, ""), []).append("[mlops] artifacts")
    scheme, _, conn_id = rollouts.partition("://")
    if scheme == "conn_id":
        users[conn_id, ROLLOUTS, ""] = ["[mlops] rollouts"]
    order = (MLFLOW, SERVER, ROLLOUTS, DATABASE, OTHER)
    found = [Need(conn_id, what, tuple(names), target) for (conn_id, what, target), names in users.items()]
    return sorted(found, key=lambda need: (order.index(need.purpose), need.conn_id))


def _walk(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield (connection, purpose) for keys that end in ``conn_id`` and for file URIs with a connection."""
    if isinstance(node, Mapping):
        kind = node.get("type")
        database = kind in sources.names() and sources.facts(kind).connection == "database"
        for key, value in node.items():
            inner = f"{path}.{key}".lstrip(".")
            if isinstance(value, str) and str(key).endswith("conn_id"):
                yield value, DATABASE if database else _PURPOSES.get(inner, OTHER)
            else:
                yield from _walk(value, inner)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value, path)
    elif isinstance(node, str) and path.endswith("filepath"):
        for conn_id in _in_uri(node):
            yield conn_id, OTHER


def _in_uri(uri: str) -> Iterator[str]:
    if "://" in uri:
        conn_id, found, _ = urlsplit(uri).netloc.rpartition("@")
        if found and conn_id and ":" not in conn_id:
            yield conn_id
