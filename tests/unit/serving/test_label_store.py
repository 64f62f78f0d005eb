from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.label_ages import NUMBER, TOO_OLD
from airflow_mlops.rollout.core.labelled import ArmLabels, LabelRow, judge_labels
from airflow_mlops.serving.database import Batch, Database, Epoch, LoggedRequest
from airflow_mlops.serving.label_store import CLASSES, KEPT_S, stretch_of
from airflow_mlops.serving.labels import OTHER, SEVERAL, predicted_class
from airflow_mlops.serving.pruning import LogLimits

BEGUN = 1_000_000.0
EPOCH = int(BEGUN * 1000)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "s.sqlite", LogLimits(rows=1000, days=math.inf))
    yield database
    database.close()


def answer(
    request_id: str, predictions: str | None = "[1]", at: float = BEGUN + 7, **changes: Any
) -> LoggedRequest:
    item = LoggedRequest(request_id, at, EPOCH, 2, 2, 200, 1, predictions, None, 0.1)
    return item._replace(**changes)


def rows(database: Database, version: int = 2) -> list[tuple[Any, ...]]:
    """Return (class, age, answers, labelled, wrong) of a version, in order."""
    return [tuple(row[2:]) for row in database.read_labels(0).get((EPOCH, version), [])]


def test_answers_and_labels_are_counted_by_time_version_class_and_age(database: Database) -> None:
    database.write_batch(
        Batch(log=[answer("a"), answer("b"), answer("c", "[0]"), answer("d", routed=1, answered=1)])
    )
    assert database.write_label("a", 1, BEGUN + 8).counted
    assert database.write_label("b", 0, BEGUN + 107).counted
    assert database.write_label("d", 0, BEGUN - 50).counted  # The clock was set back.
    assert rows(database) == [
        ("0", 0.0, 1, 0, 0), ("1", 0.0, 2, 0, 0), ("1", 1.0, 0, 1, 0), ("1", 120.0, 0, 1, 1),
    ]  # fmt: skip
    assert rows(database, 1) == [("1", 0.0, 1, 0, 0), ("1", 1.0, 0, 1, 1)]
    assert database.read_labels(0)[EPOCH, 2][0][:2] == [BEGUN + 5, 5.0]
    assert database.read_labels(EPOCH) == {}


def test_a_correction_takes_back_what_was_counted_exactly_once(database: Database) -> None:
    database.write_batch(Batch(log=[answer("a")]))
    for label, after in ((0, 1), (0, 2), (1, 100), (0, 1e9), (0, 2e9)):
        outcome = database.write_label("a", label, BEGUN + 7 + after)
        assert (outcome.status, outcome.version, outcome.counted) == ("kept", 2, True)
    assert rows(database) == [
        ("1", 0.0, 1, 0, 0), ("1", 1.0, 0, 1, 1), ("1", 120.0, 0, 0, -1), ("1", TOO_OLD, 0, 0, 1),
    ]  # fmt: skip
    assert database.read_counts(0)[EPOCH, 2] == {"labelled": 1, "wrong": 1}


def test_what_no_label_can_say_anything_about_is_not_counted(database: Database) -> None:
    log = [
        answer("free", epoch=0), answer("stood-in", answered=1),
        answer("failed", None, answered=None, status=500),
        answer("many", None, rows=500), answer("arrays", "[[1, 2]]"),
    ]  # fmt: skip
    database.write_batch(Batch(log=log))
    assert database.read_labels(-1) == {}
    reasons = {
        "free": "the request counts for no canary",
        "stood-in": "version 1 answered in place of version 2",
        "failed": "the request got no prediction",
        "many": "predictions of so many rows are not logged",
        "arrays": "the predictions are numbers or arrays, not classes",
    }
    for request_id, reason in reasons.items():
        outcome = database.write_label(request_id, 1, BEGUN + 8)
        assert (outcome.status, outcome.counted, outcome.detail) == ("kept", False, reason)
    assert database.read_labels(-1) == {}


def test_a_refused_label_leaves_the_one_before(database: Database) -> None:
    database.write_batch(Batch(log=[answer("a")]))
    database.write_label("a", 0, BEGUN + 8)
    with pytest.raises(ConfigError, match="label must be a whole number"):
        database.write_label("a", "1", BEGUN + 9)
    assert rows(database)[1] == ("1", 1.0, 0, 1, 1)


def test_an_id_of_two_predictions_is_nobodys(database: Database) -> None:
    database.write_batch(Batch(log=[answer("twice"), answer("twice", "[0]")]))
    outcome = database.write_label("twice", 1, BEGUN + 8)
    assert (outcome.status, outcome.detail) == ("shared", "2 predictions have the id 'twice'")
    assert database.read_counts(0) == {}
    retried = [answer("again", None, answered=None, status=503), answer("again")]
    database.write_batch(Batch(log=retried))
    assert database.write_label("again", 1, BEGUN + 8).counted  # Only one of them is a prediction.


def test_an_unknown_request_says_what_the_log_holds(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "s.sqlite", LogLimits(rows=3, days=math.inf))) as database:
        assert database.write_label("a", 1, BEGUN).detail == "the request log is empty"
        database.write_batch(Batch(log=[answer(f"r{n}", at=86_400.0 * n) for n in range(5)]))
        outcome = database.write_label("r1", 1, BEGUN)
        assert (outcome.status, outcome.counted) == ("unknown", False)
        assert outcome.detail == "the request log holds the last 3 requests, since 1970-01-03T00:00:00Z"


def test_counts_outlive_the_log_and_a_restart(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "s.sqlite", LogLimits(rows=2, days=math.inf))) as database:
        for number in range(9):
            database.write_batch(Batch(log=[answer(f"r{number}")]))
            database.write_label(f"r{number}", 0, BEGUN + 8)
    with closing(Database(tmp_path / "s.sqlite", LogLimits(rows=2, days=math.inf))) as database:
        assert rows(database) == [("1", 0.0, 9, 0, 0), ("1", 1.0, 0, 9, 9)]


def test_classes_beyond_the_first_twenty_are_counted_together(database: Database) -> None:
    log = [answer(f"r{n}", json.dumps([f"city {n}"])) for n in range(CLASSES + 5)]
    database.write_batch(Batch(log=log[:12]))
    database.write_batch(Batch(log=log[12:]))
    for item in log:
        assert database.write_label(item.request_id, "city 0", BEGUN + 8).counted
    found = rows(database)
    assert len({name for name, *_ in found}) == CLASSES + 1
    assert [row for row in found if row[0] == OTHER] == [(OTHER, 0.0, 5, 0, 0), (OTHER, 1.0, 0, 5, 5)]
    assert (json.dumps("city 0"), 1.0, 0, 1, 0) in found


def test_a_split_of_days_has_a_few_hundred_stretches_that_never_overlap() -> None:
    found = {stretch_of(EPOCH, BEGUN + second) for second in range(0, 5 * 86_400, 2)}
    assert len(found) < 400
    ordered = sorted(found)
    assert all(start + length <= later for (start, length), (later, _) in pairwise(ordered))
    assert stretch_of(EPOCH, BEGUN - 3600.0)[1] == 5.0  # The clock was set back.


def test_counts_of_times_long_ago_are_deleted_when_the_split_changes(database: Database) -> None:
    database.write_batch(Batch(log=[answer("old"), answer("new", at=BEGUN + KEPT_S)]))
    database.write_state({}, Epoch(EPOCH, BEGUN + KEPT_S + 60, 1, {2: 5}))
    assert [row[0] for row in database.read_labels(0)[EPOCH, 2]] == [stretch_of(EPOCH, BEGUN + KEPT_S)[0]]


def test_rows_are_what_a_rollout_judges(database: Database) -> None:
    log = [answer(f"{v}-{n}", routed=v, answered=v) for v in (1, 2) for n in range(30)]
    database.write_batch(Batch(log=log))
    for item in log:
        database.write_label(item.request_id, int(item.request_id.endswith("0")), BEGUN + 8)
    canary, champion = (
        ArmLabels(BEGUN + 100, tuple(LabelRow(*row) for row in database.read_labels(0)[EPOCH, version]))
        for version in (2, 1)
    )
    judged = judge_labels(None, canary, champion, None)
    assert judged is not None
    [block] = judged.blocks
    assert block.strata[0].canary == block.strata[0].champion == (30, 30, 27)


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        ("[1]", "1"), ("[-1]", "-1"), ("[1.0]", "1"), ("[0.5]", NUMBER), ("[1, 0.5]", NUMBER),
        ("[1, 0]", SEVERAL), ("[1, 1]", "1"), ("[true]", "true"), ('["a, b"]', '"a, b"'), ("[null]", "null"),
        ("[]", None),
        ('[{"a": 1}]', None), (None, None),
    ],
)  # fmt: skip
def test_the_class_of_predictions(predictions: str | None, expected: str | None) -> None:
    assert predicted_class(predictions) == expected


def test_a_file_of_a_release_before_is_opened_and_its_labels_are_taken_back_once(tmp_path: Path) -> None:
    """Its labels were of any type, and nothing was counted by time."""
    path = tmp_path / "s.sqlite"
    with closing(Database(path, LogLimits(rows=100, days=math.inf))) as database:
        database.write_batch(Batch(log=[answer("text"), answer("none")]))
    with closing(sqlite3.connect(path)) as old:
        old.executescript("DROP TABLE label_counts; DROP TABLE label_classes;")
        old.execute("INSERT INTO labels VALUES ('text', '\"1\"', 1.0), ('none', 'null', 1.0)")
        old.execute("INSERT INTO events VALUES (?, 2, 'labelled', 1), (?, 2, 'wrong', 1)", (EPOCH, EPOCH))
        old.commit()
    with closing(Database(path, LogLimits(rows=100, days=math.inf))) as database:
        assert database.write_label("text", 1, BEGUN + 9).counted
        assert database.write_label("none", 1, BEGUN + 9).counted
        assert database.read_counts(0)[EPOCH, 2] == {"labelled": 2, "wrong": 0}
