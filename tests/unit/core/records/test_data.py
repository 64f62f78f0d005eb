"""What the records of data say, and which rows no training may learn from."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_mlops.core.records import (
    DatasetRef,
    Failure,
    FeatureSet,
    Quarantine,
    RowTimes,
    SplitRule,
    ValidationReport,
)
from tests.support.defaults import said_by_default

FAILURES = (Failure("between", "age", "", 1_200), Failure("null", "b", "", 1), Failure("row_count", None, ""))


def rows(count: int) -> DatasetRef:
    return DatasetRef(uri="/data/side.parquet", digest="0123456789abcdef", rows=count, columns={})


def report(**fields: object) -> ValidationReport:
    whole = ValidationReport(passed=False, rows=12_000, expectations=5, failures=FAILURES)
    return dataclasses.replace(whole, **fields)  # type: ignore[arg-type]


def test_a_dataset_says_how_many_rows_it_has_and_the_start_of_its_digest() -> None:
    assert rows(12_345).summary == "12,345 rows, digest 0123456789ab"


def test_a_validation_says_what_held_what_failed_and_what_was_set_aside() -> None:
    passed = ValidationReport(passed=True, rows=12_000, expectations=5)
    assert passed.summary == "Great Expectations: 5 expectations on 12,000 rows hold"
    failed = (
        "Great Expectations: 3 of 5 expectations on 12,000 rows fail: "
        "between of age (1,200 rows), null of b (1 row), row_count"
    )
    assert report().summary == failed
    assert report(quarantine=Quarantine(rows=9, limit=0.1)).summary == failed
    aside = Quarantine(rows=1_230, limit=0.5, dataset=rows(1_230), kept=rows(10_770))
    told = "; 1,230 rows (10.2 %) quarantined in /data/side.parquet"
    assert report(quarantine=aside).summary == failed + told


KEPT, BEYOND = Quarantine(rows=9, limit=0.1), Quarantine(rows=9_000, limit=0.1, refused="too many")


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({}, True),  # to fail is the default
        ({"on_failure": "fail"}, True),
        ({"on_failure": "warn"}, False),
        ({"on_failure": "quarantine", "quarantine": KEPT}, False),
        ({"on_failure": "quarantine", "quarantine": BEYOND}, True),
        ({"on_failure": "fail", "passed": True}, False),
        ({"on_failure": "quarantine", "quarantine": None, "passed": True}, False),
    ],
)
def test_rows_are_refused_when_their_faults_are_to_stop_a_training(
    fields: dict[str, object], refused: bool
) -> None:
    assert report(**fields).refused is refused


def test_a_report_without_a_digest_of_the_rows_has_none() -> None:
    assert report().digest == ""
    assert KEPT.refused == ""


def test_features_are_counted_with_the_rows_on_both_sides_of_the_split() -> None:
    found = FeatureSet(
        train=rows(9_000), holdout=rows(3_000), train_features=rows(1), holdout_features=rows(2),
        features=("age", "plan"), split="time",
    )  # fmt: skip
    assert found.summary == "2 features; 9,000 rows to learn from, 3,000 held out"


TIMES = RowTimes(column="at", first="2025-01-31T06:30:59+00:00", last="2025-03-01T00:00:00+00:00")


def test_times_are_shown_to_the_minute() -> None:
    assert TIMES.span == "2025-01-31 06:30 to 2025-03-01 00:00"
    assert TIMES.reason == "no time in at that can be read"


@pytest.mark.parametrize(
    ("fields", "remarks"),
    [
        ({}, ""),
        ({"quarantined": 1}, "1 row quarantined: no time in at that can be read"),
        (
            {"quarantined": 1_200, "examples": ("soon", "13/13")},
            "1,200 rows quarantined: no time in at that can be read, e.g. soon, 13/13",
        ),
        (
            {"ambiguous": 1_200},
            "1,200 local times of at are in an hour that occurs twice, the second is used",
        ),
        (
            {"quarantined": 2, "ambiguous": 3},
            "2 rows quarantined: no time in at that can be read; 3 local times of at are in an hour that "
            "occurs "
            "twice, the second is used",
        ),
    ],
)
def test_times_that_cannot_be_used_are_remarked(fields: dict[str, object], remarks: str) -> None:
    assert dataclasses.replace(TIMES, **fields).remarks == remarks  # type: ignore[arg-type]


def test_a_dataset_says_which_rows_it_has_and_which_it_has_not() -> None:
    unread = dataclasses.replace(TIMES, quarantined=3)
    found = dataclasses.replace(
        rows(900), window="the last 7 days", times=unread,
        left_out={"no label": 1_200, "no time in at that can be read": 3}, notes=("one", "two", "three"),
    )  # fmt: skip
    assert found.summary == (
        "900 rows (the last 7 days), digest 0123456789ab; 1,200 left out: no label; 3 rows quarantined: no "
        "time "
        "in at that can be read; one (and 2 more notes)"
    )
    assert dataclasses.replace(rows(900), notes=("one",)).summary == "900 rows, digest 0123456789ab; one"
    assert dataclasses.replace(rows(900), times=TIMES).summary == "900 rows, digest 0123456789ab"
    two = dataclasses.replace(rows(900), notes=("one", "two")).summary
    assert two.endswith("; one (and 1 more notes)")


def test_warnings_are_counted_beside_what_holds_or_fails() -> None:
    passed = report(passed=True, failures=(), warnings=FAILURES[:1])
    assert passed.summary == (
        "Great Expectations: no failure in 5 expectations on 12,000 rows; 1 warning: between of age (1,200 "
        "rows)"
    )
    both = report(failures=FAILURES[1:2], warnings=FAILURES[::2]).summary
    assert both == (
        "Great Expectations: 1 of 5 expectations on 12,000 rows fail: null of b (1 row); 2 warnings: "
        "between of "
        "age (1,200 rows), row_count"
    )


def test_twenty_failures_are_named_and_the_others_counted() -> None:
    many = tuple(Failure("null", f"c{number}", "") for number in range(1_021))
    assert report(failures=many[:20]).summary.endswith("null of c18, null of c19")
    assert report(failures=many[:21]).summary.endswith("null of c18, null of c19 and 1 more")
    assert report(failures=many).summary.endswith("null of c19 and 1,001 more")


def features(**fields: object) -> FeatureSet:
    whole = FeatureSet(
        train=rows(9_000), holdout=rows(3_000), train_features=rows(1), holdout_features=rows(2),
        features=("age", "plan"), split="the newest rows",
    )  # fmt: skip
    return dataclasses.replace(whole, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("time", " by time"),
        ("entity", " by entity"),
        ("random", " at random"),
        ("source", " as a test set of its own"),
        ("", ""),
    ],
)
def test_a_split_says_by_what_rows_are_held_out(by: str, words: str) -> None:
    found = features(split_by=by)
    assert found.summary == f"2 features; 9,000 rows to learn from, 3,000 held out{words}"
    assert found.test_set == ("0123456789abcdef" if by == "source" else "")


def test_a_split_says_from_when_to_when_its_sides_are_and_what_was_left_out() -> None:
    train = dataclasses.replace(rows(9_000), times=TIMES)
    found = features(train=train, split_by="time", notes=("2 rows have no label", "an id is left out"))
    assert found.summary == (
        "2 features; 9,000 rows (2025-01-31 06:30 to 2025-03-01 00:00) to learn from, 3,000 held out by "
        "time; "
        "2 rows have no label; an id is left out"
    )


def test_a_training_remembers_the_rows_of_both_sides() -> None:
    assert features().facts() == {"split": "the newest rows", "train.rows": 9_000, "holdout.rows": 3_000}
    train = dataclasses.replace(rows(9_000), times=dataclasses.replace(TIMES, quarantined=7))
    holdout = dataclasses.replace(rows(3_000), times=TIMES)
    found = features(train=train, holdout=holdout, split_by="source", window="the last year")
    assert found.facts() == {
        "data.window": "the last year",
        "split": "the newest rows",
        "split.by": "source",
        "train.rows": 9_000,
        "train.from": TIMES.first,
        "train.to": TIMES.last,
        "holdout.rows": 3_000,
        "holdout.from": TIMES.first,
        "holdout.to": TIMES.last,
        "holdout.digest": "0123456789abcdef",
        "data.quarantined": 7,
    }
    assert "data.quarantined" not in features(train=holdout).facts()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (RowTimes, {}),
        (DatasetRef, {}),
        (Failure, {"severity": "critical"}),
        (Quarantine, {}),
        (ValidationReport, {"on_failure": "fail"}),
        (SplitRule, {"scheme": 1}),
        (FeatureSet, {}),
    ],
)
def test_a_field_that_an_earlier_release_did_not_write_is_empty(kind: Any, said: dict[str, Any]) -> None:
    assert said_by_default(kind) == said
