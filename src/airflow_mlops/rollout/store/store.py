"""Where rollouts live: the present state of each and an append-only history, in SQLite or PostgreSQL."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, exc, func, insert, select, update

from airflow_mlops.core.errors import ConfigError, RolloutConflict
from airflow_mlops.rollout.core import (
    TERMINAL,
    RolloutPlan,
    RolloutState,
    find_rejection,
    new_state,
    rollout_id,
)
from airflow_mlops.rollout.store.tables import FACTS, HISTORY, ROLLOUTS, Database


class RolloutStore:
    """The truth about rollouts.

    ``url`` is a path or ``sqlite:///path`` (missing folders are created), or ``postgresql://user@host/name``;
    missing tables are created. Safe to use from several processes, with PostgreSQL from several
    machines: a write names the revision that it was made from. Raises ConfigError for another database and
    BackendError when it cannot be used.
    """

    def __init__(self, url: str | Path | URL) -> None:
        self._database = Database(url)
        self._database.prepare()

    @property
    def place(self) -> str:
        """Where the store is, without a password, for messages."""
        return self._database.where

    @property
    def identity(self) -> str:
        """What names this store to the servers whose traffic it moves; made once, and copied with it."""
        wanted = select(FACTS.c.value).where(FACTS.c.key == _IDENTITY)
        with self._database.read() as connection:
            known = connection.scalar(wanted)
        if known is not None:
            return str(known)
        with self._database.write() as connection:
            try:
                with connection.begin_nested():
                    connection.execute(insert(FACTS).values(key=_IDENTITY, value=str(uuid.uuid4())))
            except exc.IntegrityError:
                pass  # another process was first
            return str(connection.scalar(wanted))

    def find(self, id_: str) -> RolloutState | None:
        """Return the rollout ``id_``, or None."""
        with self._database.read() as connection:
            return _found(connection, id_)

    def get(self, id_: str) -> tuple[RolloutState, int]:
        """Return a rollout and its revision; raises ConfigError when there is none of that name."""
        wanted = select(ROLLOUTS.c.state, ROLLOUTS.c.revision).where(ROLLOUTS.c.id == id_)
        with self._database.read() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            raise ConfigError(f"rollout {id_!r} does not exist in {self._database.where}")
        return _state(row.state), int(row.revision)

    def create_or_get(self, plan: RolloutPlan, now: float, who: str = "controller") -> RolloutState:
        """Return the rollout of ``plan``, new or as it stands.

        Raises RolloutConflict when another rollout of the same model is still running.
        """
        state = new_state(plan, now, who)
        with self._database.write() as connection:
            other = _found(connection, rollout_id(plan)) or _running(connection, plan.name)
            if other is None:
                other = _inserted(connection, state)
        if other is not None and other.id != state.id:
            raise RolloutConflict(
                f"rollout {other.id} of {plan.name} is still {other.label}: only one may move traffic. "
                f"Wait for it, or end it: trigger {plan.name}__deploy with action = rollback"
            )
        return other or state

    def save(self, state: RolloutState, expected: int) -> int:
        """Write a state over revision ``expected`` together with its new history; return the new revision.

        Raises RolloutConflict when somebody else wrote meanwhile: read again and decide again.
        """
        change = (
            update(ROLLOUTS)
            .where(ROLLOUTS.c.id == state.id, ROLLOUTS.c.revision == expected)
            .values(state=json.dumps(state.to_json()), phase=str(state.phase), revision=expected + 1)
        )
        with self._database.write() as connection:
            if not connection.execute(change).rowcount:
                raise RolloutConflict(
                    f"rollout {state.id} is no longer at revision {expected}: another process moved it"
                )
            _append(connection, state)
        return expected + 1

    def history(self, id_: str) -> list[dict[str, Any]]:
        """Return the transitions of a rollout, oldest first."""
        columns = (HISTORY.c[name] for name in ("at", "who", "source", "target", "reason", "evidence"))
        wanted = select(*columns).where(HISTORY.c.rollout_id == id_).order_by(HISTORY.c.seq)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        keys = ("at", "who", "from", "to", "reason", "evidence")
        return [{**dict(zip(keys, row, strict=True)), "evidence": json.loads(row[5])} for row in rows]

    def latest(self, name: str) -> RolloutState | None:
        """Return the newest rollout of a model, or None."""
        return next(iter(self.recent(name, limit=1)), None)

    def running(self, name: str) -> RolloutState | None:
        """Return the rollout of a model that has not ended, or None."""
        with self._database.read() as connection:
            return _running(connection, name)

    def rejection(self, name: str, version: int, digest: str) -> RolloutState | None:
        """Return the rollout that rejected a version of a model, or the same model under another number.

        ``digest`` names the model of ``version``, empty when it is not known; None when nothing rejected it.
        """
        ended = ROLLOUTS.c.phase.in_([str(phase) for phase in TERMINAL])
        wanted = select(ROLLOUTS.c.state).where(ROLLOUTS.c.name == name, ended)
        wanted = wanted.order_by(ROLLOUTS.c.created.desc(), ROLLOUTS.c.number.desc())
        with self._database.read() as connection:
            states = map(_state, connection.execute(wanted).scalars())
            return find_rejection(states, version, digest)

    def recent(self, name: str | None = None, limit: int = 50) -> tuple[RolloutState, ...]:
        """Return rollouts, newest first, of one model or of all."""
        wanted = select(ROLLOUTS.c.state).order_by(ROLLOUTS.c.created.desc(), ROLLOUTS.c.number.desc())
        if name is not None:
            wanted = wanted.where(ROLLOUTS.c.name == name)
        with self._database.read() as connection:
            return tuple(map(_state, connection.execute(wanted.limit(limit)).scalars()))


_IDENTITY: Final = "identity"


def _found(connection: Connection, id_: str) -> RolloutState | None:
    text = connection.execute(select(ROLLOUTS.c.state).where(ROLLOUTS.c.id == id_)).scalar()
    return None if text is None else _state(text)


def _running(connection: Connection, name: str) -> RolloutState | None:
    ended = ROLLOUTS.c.phase.in_([str(phase) for phase in TERMINAL])
    text = connection.execute(select(ROLLOUTS.c.state).where(ROLLOUTS.c.name == name, ~ended)).scalar()
    return None if text is None else _state(text)


def _inserted(connection: Connection, state: RolloutState) -> RolloutState | None:
    """Write a new rollout; returns the one that another process wrote at the same moment instead, or None."""
    row = {
        "id": state.id,
        "name": state.plan.name,
        "phase": str(state.phase),
        "revision": 1,
        "created": state.entered,
        "state": json.dumps(state.to_json()),
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(ROLLOUTS).values(row))
    except exc.IntegrityError:
        return _found(connection, state.id) or _running(connection, state.plan.name)
    _append(connection, state)
    return None


def _append(connection: Connection, state: RolloutState) -> None:
    count = select(func.count()).select_from(HISTORY).where(HISTORY.c.rollout_id == state.id)
    known = connection.execute(count).scalar_one()
    rows = [
        {
            "rollout_id": state.id,
            "seq": seq,
            "at": t.at,
            "who": t.who,
            "source": t.source,
            "target": t.to,
            "reason": t.reason,
            "evidence": json.dumps(dict(t.evidence)),
        }
        for seq, t in enumerate(state.history)
        if seq >= known
    ]
    if rows:
        connection.execute(insert(HISTORY), rows)


def _state(text: str) -> RolloutState:
    return RolloutState.from_json(json.loads(text))
