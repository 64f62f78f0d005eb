"""Keeping the request log within its limits: the oldest requests go, with their labels and copies.

In rounds, so that no write takes long: each deletes at most 5,000 requests, or twice as many as were added.
"""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass
from typing import Final

ROUND: Final = 5_000
DAY_S: Final = 86_400.0
_SPARE_PAGES: Final = 1_000
_GIVE_BACK: Final = "PRAGMA incremental_vacuum(500)"


@dataclass(frozen=True, kw_only=True)
class LogLimits:
    """How much of the request log is kept: ``rows`` requests of ``days`` days, in ``size`` bytes of file."""

    rows: int = 1_000_000
    days: float = 90.0
    size: int = 2 * 1024**3


def prepare(path: str) -> None:
    """Make a new file one that gives space back; that can be chosen only before it has tables."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("VACUUM")
    finally:
        connection.close()


def prune(connection: sqlite3.Connection, limits: LogLimits, now: float, added: int = 0) -> int:
    """Delete what is beyond the limits, at most one round of it, and return how many requests that was.

    The caller holds the right to write; ``now`` in epoch seconds, ``added`` is how many requests were
    written since the last round.
    """
    most = max(ROUND, 2 * added)
    # Two questions: SQLite looks up one end of an index, but reads all of it for both ends at once.
    oldest, newest = connection.execute(
        "SELECT (SELECT MIN(id) FROM requests), (SELECT MAX(id) FROM requests)"
    ).fetchone()
    surplus = max(0.0, 1 - limits.size / _used(connection))
    if oldest is None:
        deleted = _delete_copies(connection, limits, most if surplus else 0)
    else:
        large = oldest - 1 + math.ceil(surplus * (newest - oldest + 1))
        last = max(newest - limits.rows, large, _last_before(connection, limits, now, most, added))
        last = min(last, oldest + most - 1)
        deleted = _delete_until(connection, last) if last >= oldest else 0
        _delete_copies(connection, limits, 0)
    [spare] = connection.execute("PRAGMA freelist_count").fetchone()
    if spare > _SPARE_PAGES:
        connection.execute(_GIVE_BACK).fetchall()
    return deleted


def delete_orphans(connection: sqlite3.Connection) -> int:
    """Delete labels whose requests have left the log, as earlier servers kept them; returns how many."""
    return connection.execute(
        "DELETE FROM labels WHERE request_id IN (SELECT l.request_id FROM labels l LEFT JOIN requests r "
        "ON r.request_id = l.request_id WHERE r.id IS NULL LIMIT ?)",
        (ROUND,),
    ).rowcount


def _used(connection: sqlite3.Connection) -> int:
    """Return the bytes of the file that are in use."""
    pages, spare, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - spare) * size)


def _last_before(connection: sqlite3.Connection, limits: LogLimits, now: float, most: int, added: int) -> int:
    """Return the last of the oldest requests that is too old, -1 for none."""
    begin = now - limits.days * DAY_S
    [first] = connection.execute("SELECT at FROM requests ORDER BY id LIMIT 1").fetchone()
    # Clocks jump: requests that are too old can stand behind one that seems young. Twice as many as were
    # added are looked at with each write, all of a round where nothing was added.
    looked = most if first < begin or not added else 2 * added
    [found] = connection.execute(
        "SELECT MAX(id) FROM (SELECT id, at FROM requests ORDER BY id LIMIT ?) WHERE at < ?", (looked, begin)
    ).fetchone()
    return -1 if found is None else int(found)


def _delete_until(connection: sqlite3.Connection, last: int) -> int:
    # The same id may have been used again for a request that stays: its label and copy stay as well.
    gone = (
        "request_id IN (SELECT d.request_id FROM requests d WHERE d.id <= ?1 AND NOT EXISTS "
        "(SELECT 1 FROM requests k WHERE k.request_id = d.request_id AND k.id > ?1))"
    )
    for table in ("labels", "shadows"):
        connection.execute(f"DELETE FROM {table} WHERE {gone}", (last,))  # noqa: S608 - names from here
    return connection.execute("DELETE FROM requests WHERE id <= ?", (last,)).rowcount


def _delete_copies(connection: sqlite3.Connection, limits: LogLimits, oldest: int) -> int:
    """Delete copies beyond the number of rows, and the ``oldest`` so many."""
    return connection.execute(
        "DELETE FROM shadows WHERE id <= MAX((SELECT MAX(id) FROM shadows) - ?, "
        "(SELECT MIN(id) FROM shadows) + ? - 1)",
        (limits.rows, oldest),
    ).rowcount
