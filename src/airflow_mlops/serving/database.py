"""The server's memory on disk: traffic, counts per version and epoch, request log, labels. SQLite, WAL."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

from airflow_mlops.core.errors import BackendError

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS epochs (
    epoch INTEGER PRIMARY KEY, at REAL NOT NULL, champion INTEGER, weights TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counts (
    epoch INTEGER NOT NULL, version INTEGER NOT NULL, requests INTEGER NOT NULL, failures INTEGER NOT NULL,
    PRIMARY KEY (epoch, version));
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, at REAL NOT NULL, epoch INTEGER NOT NULL,
    routed INTEGER NOT NULL, answered INTEGER, status INTEGER NOT NULL, rows INTEGER NOT NULL,
    predictions TEXT, scores TEXT, seconds REAL NOT NULL);
CREATE INDEX IF NOT EXISTS requests_by_id ON requests (request_id);
CREATE TABLE IF NOT EXISTS labels (request_id TEXT PRIMARY KEY, label TEXT NOT NULL, at REAL NOT NULL);
"""


@dataclass(frozen=True)
class LoggedRequest:
    """One answered request: who it was routed to, who answered (None: nobody), what came out."""

    request_id: str
    at: float
    epoch: int
    routed: int
    answered: int | None
    status: int
    rows: int
    predictions: str | None
    scores: str | None
    seconds: float


@dataclass(frozen=True)
class Epoch:
    """A stretch of time with one traffic split."""

    epoch: int
    at: float
    champion: int | None
    weights: Mapping[int, int]


class Database:
    """The SQLite file of one server; calls block, so make them off the event loop."""

    def __init__(self, path: Path, log_rows: int) -> None:
        self._log_rows = log_rows
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=15, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise BackendError(
                f"state of the model server {path}: {error}. Give a writable --state-dir"
            ) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def read_state(self) -> dict[str, Any]:
        """Return what ``write_state`` wrote, by key."""
        with self._lock:
            rows = self._connection.execute("SELECT key, value FROM state").fetchall()
        return {key: json.loads(value) for key, value in rows}

    def write_state(self, state: Mapping[str, Any], epoch: Epoch) -> None:
        """Write the state and the epoch that it belongs to, in one transaction."""
        rows = [(key, json.dumps(value)) for key, value in state.items()]
        weights = json.dumps({str(v): p for v, p in epoch.weights.items()})
        with self._lock, self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", rows)
            self._connection.execute(
                "INSERT OR IGNORE INTO epochs VALUES (?, ?, ?, ?)",
                (epoch.epoch, epoch.at, epoch.champion, weights),
            )

    def read_epochs(self, since: int) -> list[Epoch]:
        """Return the epochs after ``since``, oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT epoch, at, champion, weights FROM epochs WHERE epoch > ? ORDER BY epoch", (since,)
            ).fetchall()
        return [Epoch(e, at, c, {int(v): p for v, p in json.loads(w).items()}) for e, at, c, w in rows]

    def read_counts(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Return (requests, failures) by (epoch, version)."""
        with self._lock:
            rows = self._connection.execute("SELECT epoch, version, requests, failures FROM counts")
            return {(epoch, version): (requests, failures) for epoch, version, requests, failures in rows}

    def write_requests(
        self, log: Sequence[LoggedRequest], counts: Mapping[tuple[int, int], tuple[int, int]]
    ) -> None:
        """Append to the request log and set the counts named, in one transaction."""
        rows = [(*key, *value) for key, value in counts.items()]
        with self._lock, self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO counts VALUES (?, ?, ?, ?)", rows)
            self._connection.executemany(
                "INSERT INTO requests (request_id, at, epoch, routed, answered, status, rows, predictions, "
                "scores, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [astuple(item) for item in log],
            )
            self._connection.execute(
                "DELETE FROM requests WHERE id <= (SELECT MAX(id) FROM requests) - ?", (self._log_rows,)
            )

    def write_label(self, request_id: str, label: Any, at: float) -> bool:
        """Keep the true label of a logged request; False when the request is unknown."""
        with self._lock, self._connection:
            known = self._connection.execute(
                "SELECT 1 FROM requests WHERE request_id = ? LIMIT 1", (request_id,)
            ).fetchone()
            if known:
                self._connection.execute(
                    "INSERT OR REPLACE INTO labels VALUES (?, ?, ?)", (request_id, json.dumps(label), at)
                )
        return known is not None
