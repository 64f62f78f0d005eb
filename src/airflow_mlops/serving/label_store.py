"""Labels in the server's database: kept once per request, counted by time, version, class and age."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.label_ages import age_class
from airflow_mlops.serving.guards import label_events
from airflow_mlops.serving.labels import OTHER, is_wrong, predicted_class, values_of

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS labels (request_id TEXT PRIMARY KEY, label TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS label_counts (
    epoch INTEGER NOT NULL, version INTEGER NOT NULL, start REAL NOT NULL, seconds REAL NOT NULL,
    predicted TEXT NOT NULL, age REAL NOT NULL,
    answers INTEGER NOT NULL, labelled INTEGER NOT NULL, wrong INTEGER NOT NULL,
    PRIMARY KEY (epoch, version, start, seconds, predicted, age)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS label_classes (
    epoch INTEGER NOT NULL, predicted TEXT NOT NULL, PRIMARY KEY (epoch, predicted)) WITHOUT ROWID;
"""
CLASSES: Final = 20
"""Predicted classes of one split that are counted by themselves; further ones are counted together."""
KEPT_S: Final = 100 * 86_400.0
_STRETCHES: Final = ((86_400.0, 3600.0), (3600.0, 600.0), (300.0, 60.0))
"""(seconds after the split began from which it is used, length of a stretch); at first they are 5 s long."""
Stretch = tuple[float, float]
Key = tuple[int, int, float, float, str, float]


class LabelOutcome(NamedTuple):
    """What became of a label.

    ``status`` is ``kept``, ``unknown`` (no such request is logged) or ``shared`` (several answers have its
    id). ``version`` answered, ``counted`` says whether it counts for the guard quality, ``detail`` why not.
    """

    status: str
    version: int | None = None
    counted: bool = False
    detail: str = ""


class _Found(NamedTuple):
    """The logged request of a label.

    ``shadowed`` is the version that answered copies when it came (None: there was none), ``shadow`` the one
    whose answer to it was logged. ``before`` is the label that it had already, as JSON.
    """

    at: float
    epoch: int
    routed: int
    answered: int | None
    predictions: str | None
    shadowed: int | None
    shadow: int | None
    shadow_predictions: str | None
    before: str | None


def stretch_of(epoch: int, at: float) -> Stretch:
    """Return (start, length) in seconds of the stretch of time that ``at`` (epoch seconds) lies in.

    Stretches get longer, so that a split of days has a few hundred. An ``epoch`` is the time in
    milliseconds at which its split began.

    >>> stretch_of(1_000_000_000, 1_000_007.0), stretch_of(1_000_000_000, 1_090_000.0)
    ((1000005.0, 5.0), (1087200.0, 3600.0))
    """
    for since, length in _STRETCHES:
        start = at // length * length
        if start - epoch / 1000 >= since:  # Else it would reach into the shorter ones before it.
            return start, length
    return at // 5 * 5, 5.0


def count_answers(
    connection: sqlite3.Connection, answers: Iterable[tuple[int, int, float, str | None]]
) -> None:
    """Count the answers of a traffic split that a label could come for.

    An answer is (epoch, version, epoch seconds, predictions as JSON).
    """
    counts: Counter[Key] = Counter()
    for epoch, version, at, predictions in answers:
        predicted = predicted_class(predictions) if epoch else None
        if predicted is not None:
            start, length = stretch_of(epoch, at)
            counts[epoch, version, start, length, predicted, 0.0] += 1
    known: dict[int, set[str]] = {}
    rows = []
    for (epoch, version, start, length, predicted, age), n in counts.items():
        name = _known_class(connection, known, epoch, predicted)
        rows.append((epoch, version, start, length, name, age, n, 0, 0))
    connection.executemany(_ADD, rows)


def _known_class(
    connection: sqlite3.Connection, known: dict[int, set[str]], epoch: int, predicted: str
) -> str:
    """Return the name to count a class by, which is one of the first twenty of its split or ``OTHER``."""
    if epoch not in known:
        rows = connection.execute("SELECT predicted FROM label_classes WHERE epoch = ?", (epoch,))
        known[epoch] = {name for (name,) in rows}
    if predicted not in known[epoch] and len(known[epoch]) < CLASSES:
        connection.execute("INSERT OR IGNORE INTO label_classes VALUES (?, ?)", (epoch, predicted))
        known[epoch].add(predicted)
    return predicted if predicted in known[epoch] else OTHER


def write_label(connection: sqlite3.Connection, request_id: str, label: Any, at: float) -> LabelOutcome:
    """Keep the true label of a logged request and count it, within a transaction of ``connection``.

    ``at`` is now, in epoch seconds. A label that is sent again replaces the one before: what that one
    counted for is taken back. Raises ConfigError for a label that cannot be the truth of the prediction.
    """
    answered = connection.execute(_ANSWERS, (request_id,)).fetchone()[0]
    if answered > 1:
        return LabelOutcome("shared", detail=f"{answered} predictions have the id {request_id!r}")
    row = connection.execute(_LABELLED, (request_id,)).fetchone()
    if row is None:
        return LabelOutcome("unknown", detail=_bounds(connection))
    found = _Found(*row)
    is_wrong(found.predictions, label)  # Refuses what cannot be the truth of this prediction.
    changes = Counter(_events(found, label))
    if found.before is not None:
        changes.subtract(_events(found, json.loads(found.before)))
    connection.executemany(_ADD_EVENT, [(found.epoch, *key, n) for key, n in changes.items() if n])
    if found.epoch and found.answered == found.routed and found.shadowed is None:
        _count_label(connection, found, label, at)
    connection.execute("INSERT OR REPLACE INTO labels VALUES (?, ?, ?)", (request_id, json.dumps(label), at))
    counts = bool(_events(found, label)) and found.epoch != 0
    return LabelOutcome("kept", found.answered, counts, "" if counts else _reason(found))


def _count_label(connection: sqlite3.Connection, found: _Found, label: Any, at: float) -> None:
    """Add a label to the counts of its request's time; a correction adds the difference, at its own age."""
    wrong, predicted = is_wrong(found.predictions, label), predicted_class(found.predictions)
    if wrong is None or predicted is None:
        return
    before = None if found.before is None else _is_counted_wrong(found.predictions, json.loads(found.before))
    name = _known_class(connection, {}, found.epoch, predicted)
    start, length = stretch_of(found.epoch, found.at)
    key = (found.epoch, found.routed, start, length, name, age_class(at - found.at))
    increments = (0, int(before is None), int(wrong) - int(before or False))
    if any(increments):
        connection.execute(_ADD, (*key, *increments))


def _events(found: _Found, label: Any) -> list[tuple[int, str]]:
    wrong: dict[int, bool | None] = {}
    if found.answered is not None and found.answered == found.routed:
        wrong[found.answered] = _is_counted_wrong(found.predictions, label)
    if found.shadow is not None:
        wrong[found.shadow] = _is_counted_wrong(found.shadow_predictions, label)
    return list(label_events(wrong, paired=found.shadowed is not None))


def _is_counted_wrong(predictions: str | None, label: Any) -> bool | None:
    """Return whether a label that was taken counts as wrong; one of another type does.

    That happens to a version in the shadow that answers with another type than the champion, and to labels
    that a release before took.
    """
    try:
        return is_wrong(predictions, label)
    except ConfigError:
        found = values_of(predictions) or []
        expected = label if isinstance(label, list) else [label]
        return None if None in expected or len(expected) != len(found) else True


def _reason(found: _Found) -> str:
    if found.answered is None:
        return "the request got no prediction"
    if found.answered != found.routed:
        return f"version {found.answered} answered in place of version {found.routed}"
    if found.predictions is None:
        return "predictions of so many rows are not logged"
    if found.epoch == 0:
        return "the request counts for no canary"
    if found.shadowed is not None and found.shadow is None:
        return f"version {found.shadowed} has no answer to compare"
    return "the predictions are numbers or arrays, not classes"


def _bounds(connection: sqlite3.Connection) -> str:
    rows, oldest = connection.execute(_LOG_BOUNDS).fetchone()
    if oldest is None:
        return "the request log is empty"
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(oldest))
    return f"the request log holds the last {rows:,} requests, since {since}"


def label_rows(connection: sqlite3.Connection, since: int) -> Iterator[tuple[int, int, list[Any]]]:
    """Yield (epoch, version, row) of the splits after ``since``; a row has the columns after those two."""
    for epoch, version, *row in connection.execute(_ROWS, (since,)):
        yield epoch, version, row


def prune_counts(connection: sqlite3.Connection, now: float) -> None:
    """Delete the counts of times for which no label is counted any more."""
    connection.execute("DELETE FROM label_counts WHERE start < ?", (now - KEPT_S,))
    connection.execute("DELETE FROM label_classes WHERE epoch < ?", (int((now - KEPT_S) * 1000),))


_ADD: Final = (
    "INSERT INTO label_counts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (epoch, version, start, seconds, predicted, age) DO UPDATE SET "
    "answers = answers + excluded.answers, labelled = labelled + excluded.labelled, "
    "wrong = wrong + excluded.wrong"
)
_ADD_EVENT: Final = (
    "INSERT INTO events VALUES (?, ?, ?, ?) "
    "ON CONFLICT (epoch, version, event) DO UPDATE SET count = count + excluded.count"
)
_ANSWERS: Final = "SELECT COUNT(*) FROM requests WHERE request_id = ? AND answered IS NOT NULL"
_LABELLED: Final = (
    "SELECT r.at, r.epoch, r.routed, r.answered, r.predictions, e.shadow, s.version, s.predictions, "
    "l.label FROM requests r LEFT JOIN splits e ON e.epoch = r.epoch "
    "LEFT JOIN shadows s ON s.request_id = r.request_id AND s.version = e.shadow "
    "LEFT JOIN labels l ON l.request_id = r.request_id "
    "WHERE r.request_id = ? ORDER BY r.answered IS NULL, r.id DESC, s.id DESC LIMIT 1"
)
_LOG_BOUNDS: Final = (
    "SELECT (SELECT MAX(id) FROM requests) - (SELECT MIN(id) FROM requests) + 1, "
    "(SELECT at FROM requests ORDER BY id LIMIT 1)"
)
_ROWS: Final = (
    "SELECT epoch, version, start, seconds, predicted, age, answers, labelled, wrong FROM label_counts "
    "WHERE epoch > ? ORDER BY epoch, start"
)
