"""Looks connections up as Airflow's tasks do, and collects the secrets that must not be printed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_mlops.cli.doctor.finding import Finding, failed, ok, warning
from airflow_mlops.cli.doctor.needs import DATABASE, MLFLOW, ROLLOUTS, SERVER, Need
from airflow_mlops.core.errors import MlopsError
from airflow_mlops.rollout import targets
from airflow_mlops.rollout.targets.base import address_in

if TYPE_CHECKING:
    from airflow.sdk import Connection

_LOGIN: Final = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_SECRET: Final = ("password", "passwd", "secret", "token", "key")
_CONTEXT: Final = "_AIRFLOW_PROCESS_CONTEXT"
_POSTGRES: Final = (
    "--conn-type postgres --conn-host HOST --conn-schema DATABASE --conn-login … --conn-password …"
)
_KINDS: Final = {
    MLFLOW: "--conn-type mlops_mlflow --conn-host https://mlflow.example.com",
    DATABASE: _POSTGRES,
    ROLLOUTS: _POSTGRES,
}


@dataclass(frozen=True)
class Place:
    """The address of a server, with user and password, or a token.

    ``options`` is what a probe needs besides: the connection of a server, the engine of a database.
    """

    need: Need
    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ConnectionCheck:
    """One connection: the finding, the server to call, and its secrets."""

    finding: Finding
    place: Place | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


def look_up(needs: Iterable[Need], *, initialised: bool) -> list[ConnectionCheck]:
    """Look every connection up; Airflow's database is read only when it is ``initialised``."""
    found = []
    for need in needs:
        with as_a_task(initialised):
            found.append(_check(need, initialised))
    return found


def _check(need: Need, initialised: bool) -> ConnectionCheck:
    connection = _connection(need.conn_id)
    secrets = tuple(_secrets(connection)) if connection is not None else ()
    check, users = f"connection {need.conn_id}", ", ".join(need.pipelines)
    add = f"airflow connections add {need.conn_id} {_arguments(need)}"
    if connection is None and need.purpose != MLFLOW:
        where = "" if initialised else " in the environment, and Airflow's database cannot be read"
        return ConnectionCheck(failed(check, f"missing{where}; {users} needs it", add))
    try:
        place = _place(need)
    except MlopsError as error:
        return ConnectionCheck(
            failed(check, str(error), f"airflow connections get {need.conn_id}"), None, secrets
        )
    if place is None:
        return ConnectionCheck(ok(check, f"exists, for {users}"), None, secrets)
    finding = ok(check, f"exists, for {users}: {place.url}")
    if connection is None:
        finding = warning(check, f"missing; {users} will use MLflow at {place.url}", add)
    return ConnectionCheck(finding, place, tuple(filter(None, (*secrets, place.password, place.token))))


def _arguments(need: Need) -> str:
    """Return the arguments of ``airflow connections add`` for a connection."""
    if need.purpose != SERVER:
        return _KINDS.get(need.purpose, "--conn-type TYPE …")
    try:
        return f"--conn-type mlops_serving {targets.facts(need.target).arguments()}"
    except MlopsError:  # the target itself is not found: its own check says so
        return "--conn-type mlops_serving …"


def _place(need: Need) -> Place | None:
    """Return the server that the tasks will use; raises ConfigError for an incomplete connection."""
    from airflow_mlops.hooks.mlflow import MlflowHook
    from airflow_mlops.hooks.rollouts import rollouts_url
    from airflow_mlops.hooks.serving import ServingHook

    if need.purpose == MLFLOW:
        url = MlflowHook(need.conn_id).tracking_uri()
        user, password, token = (os.environ.get(name, "") for name in _LOGIN)
        return Place(need, url, user, password, token)
    if need.purpose == SERVER:
        connection = ServingHook(need.conn_id).connection()
        targets.facts(need.target).options(connection)
        options = {"connection": connection}
        return Place(need, address_in(connection), token=connection.password, options=options)
    if need.purpose == ROLLOUTS:
        database = rollouts_url(need.conn_id)
        shown = database.set(password=None).render_as_string()
        return Place(need, shown, password=database.password or "")
    if need.purpose == DATABASE:
        return _database(need)
    return None


def _database(need: Need) -> Place:
    from airflow_mlops.data.sources.query_reading import shown
    from airflow_mlops.hooks.connections import AirflowConnections

    engine = AirflowConnections().engine(need.conn_id)
    return Place(need, shown(engine), password=engine.url.password or "", options={"engine": engine})


def _connection(conn_id: str) -> Connection | None:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None


def _secrets(connection: Connection) -> Iterator[str]:
    if connection.password:
        yield connection.password
    yield from _in_extra(connection.extra_dejson)


def _in_extra(node: object, key: str = "") -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _in_extra(value, str(name).lower())
    elif isinstance(node, str) and any(word in key for word in _SECRET):
        yield node


@contextmanager
def as_a_task(initialised: bool) -> Iterator[None]:
    """Search where tasks search; the hooks' changes of the environment are undone."""
    before = dict(os.environ)
    if initialised:  # otherwise the search itself would create an empty database
        os.environ[_CONTEXT] = "server"
    else:
        os.environ.pop(_CONTEXT, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
