"""Deployment targets by the name that a pipeline file uses. A new one is a module and a line here.

Nothing is imported but the table: every DAG file that is parsed reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_mlops.core.class_table import ClassTable
from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from airflow_mlops.core.connection import Connection
    from airflow_mlops.rollout.targets.base import Target

TARGETS: Final[ClassTable[Target]] = ClassTable(
    "deployment target",
    {
        "local": "airflow_mlops.rollout.targets.local:LocalTarget",
        "haproxy": "airflow_mlops.rollout.targets.haproxy.target:HaproxyTarget",
    },
)


def names() -> tuple[str, ...]:
    """Return the names of the targets that this package has."""
    return TARGETS.names()


def facts(kind: str) -> type[Target]:
    """Return the class of a target, which carries what is known about it.

    ``kind`` is a name of the table or a class path; raises ConfigError for anything else.
    """
    from airflow_mlops.rollout.targets.base import Target

    found = TARGETS.load(kind)
    if not issubclass(found, Target):
        raise ConfigError(
            f"the deployment target {kind!r} must be a subclass of Target, got {found.__name__}"
        )
    return found


def connect(kind: str, connection: Connection) -> Target:
    """Return the target ``kind``, ready for calls to the server of ``connection``.

    Raises ConfigError for an unknown target, and for a connection that lacks what the target needs.
    """
    return facts(kind).from_connection(connection)
