"""Where rollouts live: one SQLite file with the present state of each and an append-only history."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict
from airflow_mlops.core.rollout import TERMINAL, RolloutPlan, RolloutState, new_state, rollout_id

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS rollouts (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, phase TEXT NOT NULL, revision INTEGER NOT NULL,
    created REAL NOT NULL, state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS rollouts_of_name ON rollouts (name, created);
CREATE TABLE IF NOT EXISTS history (
    rollout_id TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, who TEXT NOT NULL,
    source TEXT NOT NULL, target TEXT NOT NULL, reason TEXT NOT NULL, evidence TEXT NOT NULL,
    PRIMARY KEY (rollout_id, seq));
CREATE TRIGGER IF NOT EXISTS history_stays BEFORE UPDATE ON history
    BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
"""


class RolloutStore:
    """The truth about rollouts.

    ``url`` is ``sqlite:///path`` or a plain path; missing folders are made. Safe to use from several
    processes: a write names the revision that it was made from. Raises ConfigError for another database
    and BackendError when the file cannot be used.
    """

    def __init__(self, url: str | Path) -> None:
        text = str(url)
        scheme, separator, rest = text.partition("://")
        if separator and scheme != "sqlite":
            raise ConfigError(f"rollout store {scheme}:// is not supported: give sqlite:///path or a path")
        self._path = Path(rest[1:] if separator else text)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BackendError(f"rollout store {self._path}: {error}") from error
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=15, isolation_level=None)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise BackendError(
                f"rollout store {self._path}: {error}. Check that the folder exists and is writable"
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def find(self, id_: str) -> RolloutState | None:
        """Return the rollout ``id_``, or None."""
        with self._connection() as connection:
            row = connection.execute("SELECT state FROM rollouts WHERE id = ?", (id_,)).fetchone()
        return None if row is None else _state(row[0])

    def get(self, id_: str) -> tuple[RolloutState, int]:
        """Return a rollout and its revision; raises ConfigError when there is none of that name."""
        with self._connection() as connection:
            row = connection.execute("SELECT state, revision FROM rollouts WHERE id = ?", (id_,)).fetchone()
        if row is None:
            raise ConfigError(f"no rollout {id_!r} in {self._path}")
        return _state(row[0]), int(row[1])

    def create_or_get(self, plan: RolloutPlan, now: float, who: str = "controller") -> RolloutState:
        """Return the rollout of ``plan``, new or as it stands.

        Raises RolloutConflict when another rollout of the same model is still running.
        """
        wanted = rollout_id(plan)
        with self._transaction() as connection:
            row = connection.execute("SELECT state FROM rollouts WHERE id = ?", (wanted,)).fetchone()
            if row is not None:
                return _state(row[0])
            other = _running(connection, plan.name)
            if other is not None:
                raise RolloutConflict(
                    f"rollout {other.id} of {plan.name} is still {other.label}: only one may move traffic. "
                    f"Wait for it, or end it: trigger {plan.name}__deploy with action = rollback"
                )
            state = new_state(plan, now, who)
            connection.execute(
                "INSERT INTO rollouts VALUES (?, ?, ?, 1, ?, ?)",
                (state.id, plan.name, str(state.phase), now, json.dumps(state.to_json())),
            )
            _append(connection, state)
        return state

    def save(self, state: RolloutState, expected: int) -> int:
        """Write a state over revision ``expected`` together with its new history; return the new revision.

        Raises RolloutConflict when somebody else wrote meanwhile: read again and decide again.
        """
        with self._transaction() as connection:
            changed = connection.execute(
                "UPDATE rollouts SET state = ?, phase = ?, revision = revision + 1 "
                "WHERE id = ? AND revision = ?",
                (json.dumps(state.to_json()), str(state.phase), state.id, expected),
            ).rowcount
            if not changed:
                raise RolloutConflict(
                    f"rollout {state.id} is no longer at revision {expected}: another process moved it"
                )
            _append(connection, state)
        return expected + 1

    def history(self, id_: str) -> list[dict[str, Any]]:
        """Return the transitions of a rollout, oldest first."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT at, who, source, target, reason, evidence FROM history "
                "WHERE rollout_id = ? ORDER BY seq",
                (id_,),
            ).fetchall()
        keys = ("at", "who", "from", "to", "reason", "evidence")
        return [{**dict(zip(keys, row, strict=True)), "evidence": json.loads(row[5])} for row in rows]

    def latest(self, name: str) -> RolloutState | None:
        """Return the newest rollout of a model, or None."""
        return next(iter(self.recent(name, limit=1)), None)

    def running(self, name: str) -> RolloutState | None:
        """Return the rollout of a model that has not ended, or None."""
        with self._connection() as connection:
            return _running(connection, name)

    def recent(self, name: str | None = None, limit: int = 50) -> tuple[RolloutState, ...]:
        """Return rollouts, newest first, of one model or of all."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT state FROM rollouts WHERE ? IS NULL OR name = ? "
                "ORDER BY created DESC, rowid DESC LIMIT ?",
                (name, name, limit),
            ).fetchall()
        return tuple(_state(row[0]) for row in rows)


def _running(connection: sqlite3.Connection, name: str) -> RolloutState | None:
    marks = ", ".join("?" for _ in TERMINAL)
    row = connection.execute(
        f"SELECT state FROM rollouts WHERE name = ? AND phase NOT IN ({marks}) LIMIT 1",  # noqa: S608 - marks only
        (name, *map(str, TERMINAL)),
    ).fetchone()
    return None if row is None else _state(row[0])


def _append(connection: sqlite3.Connection, state: RolloutState) -> None:
    (known,) = connection.execute("SELECT COUNT(*) FROM history WHERE rollout_id = ?", (state.id,)).fetchone()
    connection.executemany(
        "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (state.id, seq, t.at, t.who, t.source, t.to, t.reason, json.dumps(dict(t.evidence)))
            for seq, t in enumerate(state.history)
            if seq >= known
        ],
    )


def _state(text: str) -> RolloutState:
    return RolloutState.from_json(json.loads(text))
