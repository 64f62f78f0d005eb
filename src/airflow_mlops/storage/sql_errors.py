"""What a database reports, in one line, and what to do about it."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

CHECK_SERVER: Final = "check that the database server runs and that this machine can reach it"
_ADVICE: Final = {
    "password": "correct the login and password of the connection, or PGPASSWORD if it has none",
    'role "': "create that user, or correct the login of the connection",
    'database "': "create it with `createdb`, or correct the schema (the database) of the connection",
    "pg_hba.conf": "allow this user and machine in that file",
    "permission denied for schema": "GRANT CREATE ON SCHEMA public TO this user, or make it the owner",
    "statement timeout": "raise statement_timeout of this user, or let the query cost less",
    "permission denied": "GRANT this user the right that is missing",
}


_REFUSED: Final = re.compile(
    r"password authentication failed|no password supplied|no pg_hba\.conf entry|Access denied for user|"
    r"Unknown database|permission denied for database|(?:role|database) \".*\" does not exist"
)


def driver_message(error: SQLAlchemyError) -> str:
    """Return the driver's message in one line, without the statement.

    >>> import sqlite3
    >>> from sqlalchemy.exc import OperationalError
    >>> driver_message(OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked")))
    'database is locked'
    """
    cause = getattr(error, "orig", None) or error
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    line = " ".join(str(primary or cause).split())
    return line.partition(" Is the server running")[0].rstrip(".")


def advice_for(message: str) -> str:
    """Return the next step for a ``driver_message`` of PostgreSQL or another server.

    >>> advice_for('role "airflow" does not exist')
    'create that user, or correct the login of the connection'
    """
    return next((advice for words, advice in _ADVICE.items() if words in message), CHECK_SERVER)


def is_refused(message: str) -> bool:
    """Whether a ``driver_message`` says that a server answers and does not let this connection in.

    Another try would fail as well, and many tries lock a user out.

    >>> is_refused('FATAL: password authentication failed for user "me"'), is_refused("Connection refused")
    (True, False)
    """
    return _REFUSED.search(message) is not None
