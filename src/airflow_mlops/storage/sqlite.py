"""SQLite files that several processes write to: they wait for each other, from the first connection on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tenacity import retry, retry_if_exception_message, stop_after_delay, wait_fixed

BUSY_S: Final = 15
_RETRY_S: Final = 0.02


def connect(path: Path) -> sqlite3.Connection:
    """Open a file, which is created when it is missing (its folder is not); any thread may use it.

    Transactions are explicit, see ``writing``. Raises sqlite3.Error.
    """
    connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
    try:
        set_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def set_up(connection: sqlite3.Connection) -> None:
    """Switch a new connection to write-ahead logging and explicit transactions.

    The driver on its own begins a transaction at the first write only: two readers could both become writers
    and one of them would fail.
    """
    connection.isolation_level = None
    _write_ahead(connection)


@retry(
    retry=retry_if_exception_message(match="database is locked"),
    stop=stop_after_delay(BUSY_S),
    wait=wait_fixed(_RETRY_S),
    reraise=True,
)
def _write_ahead(connection: sqlite3.Connection) -> None:
    # SQLite's own busy time-out does not apply while another process makes this switch for the first time.
    connection.execute("PRAGMA journal_mode=WAL")


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Hold the right to write: all changes are committed together, or rolled back on an error.

    >>> database = sqlite3.connect(":memory:", isolation_level=None)
    >>> with writing(database):
    ...     _ = database.execute("CREATE TABLE numbers (n)")
    >>> try:
    ...     with writing(database):
    ...         _ = database.execute("INSERT INTO numbers VALUES (1)")
    ...         raise RuntimeError
    ... except RuntimeError:
    ...     database.execute("SELECT count(*) FROM numbers").fetchone()
    (0,)
    >>> database.close()
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back after some errors, such as a full disk
            connection.execute("ROLLBACK")
        raise
