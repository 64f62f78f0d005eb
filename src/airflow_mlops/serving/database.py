"""The server's state on disk: traffic, counts per version and epoch, request log, labels. SQLite, WAL."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from airflow_mlops.core.errors import BackendError
from airflow_mlops.serving import label_store
from airflow_mlops.serving.label_store import LabelOutcome
from airflow_mlops.serving.pruning import ROUND, LogLimits, delete_orphans, prepare, prune
from airflow_mlops.storage import sqlite

log = logging.getLogger(__name__)
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS splits (
    epoch INTEGER PRIMARY KEY, at REAL NOT NULL, champion INTEGER, weights TEXT NOT NULL, shadow INTEGER);
CREATE TABLE IF NOT EXISTS events (
    epoch INTEGER NOT NULL, version INTEGER NOT NULL, event TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (epoch, version, event));
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, at REAL NOT NULL, epoch INTEGER NOT NULL,
    routed INTEGER NOT NULL, answered INTEGER, status INTEGER NOT NULL, rows INTEGER NOT NULL,
    predictions TEXT, scores TEXT, seconds REAL NOT NULL);
CREATE INDEX IF NOT EXISTS requests_by_id ON requests (request_id);
CREATE TABLE IF NOT EXISTS keys (
    champion INTEGER NOT NULL, canary INTEGER NOT NULL, key INTEGER NOT NULL,
    PRIMARY KEY (champion, canary, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shadows (
    id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, version INTEGER NOT NULL, predictions TEXT);
CREATE INDEX IF NOT EXISTS shadows_by_id ON shadows (request_id);
CREATE TABLE IF NOT EXISTS figures (name TEXT PRIMARY KEY, value REAL NOT NULL);
"""


class LoggedRequest(NamedTuple):
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
    shadow: int | None = None


@dataclass
class Batch:
    """What waits to be written; ``counts`` by (epoch, version, event) and ``figures`` are increments."""

    log: list[LoggedRequest] = field(default_factory=list)
    shadows: list[tuple[str, int, str | None]] = field(default_factory=list)
    counts: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)
    state: dict[str, Any] = field(default_factory=dict)
    keys: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not any(vars(self).values())

    def joined(self, later: Batch) -> Batch:
        """Return this batch and a later one as one."""
        return Batch(
            self.log + later.log,
            self.shadows + later.shadows,
            self.counts + later.counts,
            self.figures + later.figures,
            self.state | later.state,
            self.keys + later.keys,
        )


class Database:
    """The SQLite file of one server; calls block, so make them off the event loop."""

    def __init__(self, path: Path, limits: LogLimits) -> None:
        self._limits = limits
        self._opened = (time.time(), time.monotonic())
        self._orphans = True
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                prepare(str(path))
            self._connection = sqlite.connect(path)
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA + label_store.SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise BackendError(
                f"cannot open the model server's state {path}: {error}. Set --state-dir to a writable folder"
            ) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, sqlite.writing(self._connection) as connection:
            yield connection

    def _read(self, query: str, *arguments: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, arguments).fetchall()

    def read_state(self) -> dict[str, Any]:
        """Return what ``write_state`` wrote, by key."""
        found: dict[str, Any] = {}
        for key, value in self._read("SELECT key, value FROM state"):
            try:
                found[key] = json.loads(value)
            except (TypeError, ValueError) as error:
                log.error("the state on disk cannot be read (%s): %s", key, error)
        return found

    def write_state(self, state: Mapping[str, Any], epoch: Epoch) -> None:
        """Write the state and the epoch that it belongs to, in one transaction."""
        weights = json.dumps(epoch.weights)  # JSON turns the versions into text
        split = (epoch.epoch, epoch.at, epoch.champion, weights, epoch.shadow)
        with self._writing() as connection:
            connection.executemany(_SET_STATE, _json_rows(state))
            connection.execute("INSERT OR IGNORE INTO splits VALUES (?, ?, ?, ?, ?)", split)
            label_store.prune_counts(connection, epoch.at)

    def read_epochs(self, since: int) -> list[Epoch]:
        """Return the epochs after ``since``, oldest first."""
        rows = self._read("SELECT epoch, at, champion, weights, shadow FROM splits WHERE epoch > ?", since)
        try:
            return [
                Epoch(epoch, at, champion, {int(v): p for v, p in json.loads(weights).items()}, shadow)
                for epoch, at, champion, weights, shadow in sorted(rows)
            ]
        except (TypeError, ValueError, AttributeError) as error:
            raise sqlite3.DataError(f"a split in it cannot be read ({error})") from error

    def read_counts(self, since: int) -> dict[tuple[int, int], Counter[str]]:
        """Return the counts of events by (epoch, version) of the epochs after ``since``."""
        found: dict[tuple[int, int], Counter[str]] = {}
        for epoch, version, event, count in self._read("SELECT * FROM events WHERE epoch > ?", since):
            found.setdefault((epoch, version), Counter())[event] = count
        return found

    def read_figures(self) -> dict[str, float]:
        """Return what was added up under each name since the state folder was new."""
        return dict(self._read("SELECT name, value FROM figures"))

    def read_keys(self) -> list[tuple[int, int, int]]:
        """Return (champion, canary, key) of the keys that were counted."""
        return self._read("SELECT champion, canary, key FROM keys")

    def write_batch(self, batch: Batch) -> None:
        """Append to the logs and add to the counts, in one transaction."""
        counts = [(*key, count) for key, count in batch.counts.items()]
        with self._writing() as connection:
            connection.executemany(_ADD_EVENT, counts)
            connection.executemany(_ADD_FIGURE, list(batch.figures.items()))
            connection.executemany(_SET_STATE, _json_rows(batch.state))
            connection.executemany(_ADD_REQUEST, batch.log)
            answers = (
                (item.epoch, item.routed, item.at, item.predictions)
                for item in batch.log
                if item.answered == item.routed
            )
            label_store.count_answers(connection, answers)
            if batch.keys:
                pair = batch.keys[-1][:2]
                connection.execute("DELETE FROM keys WHERE NOT (champion = ? AND canary = ?)", pair)
                connection.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?, ?)", batch.keys)
            connection.executemany(
                "INSERT INTO shadows (request_id, version, predictions) VALUES (?, ?, ?)", batch.shadows
            )
            prune(connection, self._limits, self._now(), len(batch.log))
        self._delete_orphans()

    def prune(self) -> None:
        """Delete some of what has become too old, where nothing is written that would do so."""
        with self._writing() as connection:
            prune(connection, self._limits, self._now())

    def _now(self) -> float:
        # A wall clock that jumps ahead must not empty the log.
        return self._opened[0] + time.monotonic() - self._opened[1]

    def _delete_orphans(self) -> None:
        if self._orphans:
            with self._writing() as connection:
                self._orphans = delete_orphans(connection) >= ROUND

    def write_label(self, request_id: str, label: Any, at: float) -> LabelOutcome:
        """Keep the true label of a logged request; see ``label_store.write_label``."""
        with self._writing() as connection:
            return label_store.write_label(connection, request_id, label, at)

    def read_labels(self, since: int) -> dict[tuple[int, int], list[list[Any]]]:
        """Return the counts of answers and labels by (epoch, version) of the epochs after ``since``."""
        found: dict[tuple[int, int], list[list[Any]]] = {}
        with self._lock:
            for epoch, version, row in label_store.label_rows(self._connection, since):
                found.setdefault((epoch, version), []).append(row)
        return found


_SET_STATE: Final = "INSERT OR REPLACE INTO state VALUES (?, ?)"
_ADD_REQUEST: Final = (
    "INSERT INTO requests (request_id, at, epoch, routed, answered, status, rows, predictions, scores, "
    "seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADD_EVENT: Final = (
    "INSERT INTO events VALUES (?, ?, ?, ?) "
    "ON CONFLICT (epoch, version, event) DO UPDATE SET count = count + excluded.count"
)
_ADD_FIGURE: Final = (
    "INSERT INTO figures VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
)


def _json_rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, json.dumps(value)) for key, value in values.items()]
