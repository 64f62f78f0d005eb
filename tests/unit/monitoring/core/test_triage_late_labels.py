"""Windows whose labels land late are judged where they stand, by the run that found their labels."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.records import Check, Failure, MissingLabels, PerformanceReport, ValidationReport
from airflow_mlops.monitoring.core.triage import Reports, Rules, decide

DAYS = [datetime(2020, 1, day + 1, tzinfo=UTC) for day in range(20)]
RULES = Rules(performance_windows=2, retrain_when=("performance",))


def day(number: int, verdict: str = "waiting", scored: int | None = None, **more: object) -> Reports:
    """The window of a day, scored by the run of the day ``scored`` (by its own when left out)."""
    bad = verdict == "decay"
    value = 0.6 if bad else 0.8
    judged = verdict in ("ok", "decay")
    report = PerformanceReport(
        start=DAYS[number].isoformat(), end=DAYS[number + 1].isoformat(), model_version=1, rows=30,
        metrics={"f1": value} if judged else {}, window_rows=900, verdict=verdict,
        checks=(Check("f1", value, ">= 0.7", not bad),) if judged else (),
        scored_at=DAYS[(number if scored is None else scored) + 1].isoformat() if judged else None,
    )  # fmt: skip
    return Reports(
        start=report.start,
        end=report.end,
        model_version=1,
        performance=dataclasses.replace(report, **more),  # type: ignore[arg-type]
    )


def test_a_window_that_waits_says_so() -> None:
    found = decide(day(5), [], RULES)
    assert (found.action, found.reason) == ("none", "waiting for labels (30 of 900 rows)")


def test_late_labels_of_two_windows_in_a_row_start_a_retraining() -> None:
    found = decide(day(5), [day(4), day(3, "decay", 5), day(2, "decay", 4)], RULES)
    assert (found.action, found.causes) == ("retrain", ("performance",))
    assert found.reason == "f1 0.600 < 0.7 for 2 windows in a row (2020-01-03, 2020-01-04)"


def test_windows_count_where_they_stand_when_the_newer_ones_labels_came_first() -> None:
    alone = decide(day(5), [day(4), day(3, "decay", 5), day(2)], RULES)
    assert (alone.action, alone.evidence["windows_in_a_row"]) == ("alert", {"performance": 1})
    joined = decide(day(6), [day(5), day(4), day(3, "decay", 5), day(2, "decay", 6)], RULES)
    assert joined.action == "retrain"
    assert "(2020-01-03, 2020-01-04)" in joined.reason


def test_what_an_earlier_run_has_scored_is_not_found_again() -> None:
    found = decide(day(6), [day(5), day(4), day(3, "decay", 5), day(2, "decay", 4)], RULES)
    assert found.action == "none"


def test_a_cleared_run_does_not_see_what_a_later_one_has_scored() -> None:
    found = decide(day(5, "decay"), [day(4, "decay", 9)], RULES)
    assert (found.action, found.evidence["windows_in_a_row"]) == ("alert", {"performance": 1})
    own = decide(day(5, "decay", 9), [day(4, "decay", 5)], RULES)
    assert own.reason == "f1 0.600 < 0.7 in 1 of 2 windows in a row (2020-01-05)"
    alone = decide(day(5, "decay", 9), [], RULES)
    assert (alone.action, alone.reason) == (
        "none",
        "labels landed later, judged at 2020-01-11T00:00:00+00:00",
    )


def test_a_decay_that_is_over_is_told_and_trains_nothing() -> None:
    found = decide(day(5), [day(4, "ok", 5), day(3, "decay", 5), day(2, "decay", 5)], RULES)
    assert (found.action, found.causes) == ("alert", ("performance",))
    assert found.reason.endswith("windows in a row (2020-01-03, 2020-01-04), 2020-01-05 was well again")


def test_a_data_fault_does_not_count_when_its_labels_land() -> None:
    fault = dataclasses.replace(day(3, "decay", 5), blocked=True)
    assert decide(day(5), [day(4), fault], RULES).action == "none"


def test_late_findings_are_told_by_a_window_that_is_a_data_fault_itself() -> None:
    failed = ValidationReport(passed=False, rows=9, expectations=1, failures=(Failure("x", None, "y"),))
    window = dataclasses.replace(day(5), validation=failed)
    found = decide(window, [day(4), day(3, "decay", 5)], RULES)
    assert (found.action, found.causes) == ("block", ("validation",))
    assert found.reason == (
        "1 of 1 expectations failed (x: y): a data fault, so no retraining; "
        "f1 0.600 < 0.7 in 1 of 2 windows in a row (2020-01-04)"
    )


OVERDUE = tuple(MissingLabels(day(n).start, day(n).end, 10 * n, 900) for n in range(1, 6))


def test_overdue_labels_are_an_alert_of_their_own() -> None:
    found = decide(day(7, overdue=OVERDUE[:1]), [], RULES)
    assert (found.action, found.causes) == ("alert", ("labels",))
    assert found.reason == (
        "waiting for labels (30 of 900 rows); labels overdue: 2020-01-02 (10 of 900 rows)"
    )
    assert found.evidence["performance"]["overdue"] == [[OVERDUE[0].start, OVERDUE[0].end, 10, 900]]
    many = decide(day(7, overdue=OVERDUE), [], RULES)
    assert many.reason.endswith("2020-01-04 (30 of 900 rows) and 2 more")


def test_overdue_labels_never_retrain_and_are_no_cause_of_one() -> None:
    rules = Rules(performance_windows=1, retrain_when=("performance",))
    found = decide(day(7, "decay", overdue=OVERDUE[:1]), [], rules)
    assert (found.action, found.causes) == ("retrain", ("performance",))
    assert found.reason.endswith("labels overdue: 2020-01-02 (10 of 900 rows)")


def test_labels_that_contradict_each_other_are_told() -> None:
    found = decide(day(7, label_faults=("2020-01-02: 2 keys have contradicting labels",)), [], RULES)
    assert (found.action, found.causes) == ("alert", ("labels",))
    assert found.reason.endswith("labels that cannot be used: 2020-01-02: 2 keys have contradicting labels")


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=8),
    st.integers(1, 3),
)
def test_the_count_is_by_windows_and_not_by_when_they_were_scored(
    windows: list[tuple[bool, int]], needed: int
) -> None:
    """Whatever order labels land in: a retraining is asked for when the last of a run of decays lands."""
    rules = Rules(performance_windows=needed, retrain_when=("performance",))
    asked = False
    for now in range(len(windows) + 5):
        known = [
            day(number, "decay" if bad else "ok", number + delay) if number + delay <= now else day(number)
            for number, (bad, delay) in enumerate(windows)
            if number <= now
        ]
        if now >= len(windows):
            known += [day(number) for number in range(len(windows), now + 1)]
        found = decide(known[-1], known[-2::-1] if len(known) > 1 else [], rules)
        asked = asked or found.action == "retrain"
        assert decide(known[-1], known[-2::-1] if len(known) > 1 else [], rules) == found
    longest = run = 0
    for bad, _ in windows:
        run = run + 1 if bad else 0
        longest = max(longest, run)
    if longest < needed:
        assert not asked
    if run >= needed:  # nothing newer is well again
        assert asked


def test_a_late_window_joins_the_decayed_ones_after_it() -> None:
    rules = Rules(performance_windows=3, retrain_when=("performance",))
    newer = [day(6), day(5, "decay", 5), day(4, "decay", 4)]
    found = decide(day(7), [*newer, day(3, "decay", 7)], rules)
    assert (found.action, found.evidence["windows_in_a_row"]) == ("retrain", {"performance": 3})
    assert found.reason == "f1 0.600 < 0.7 for 3 windows in a row (2020-01-04, 2020-01-05, 2020-01-06)"
    # The limits that are named are those of the newest window of the run.
    worse = dataclasses.replace(
        newer[1].performance,
        checks=(Check("f1", 0.5, ">= 0.7", False),),  # type: ignore[type-var]
    )
    newer[1] = dataclasses.replace(newer[1], performance=worse)
    assert decide(day(7), [*newer, day(3, "decay", 7)], rules).reason.startswith("f1 0.500 < 0.7 for 3")


def test_the_window_itself_can_be_the_newest_of_a_late_run() -> None:
    found = decide(day(5, "decay"), [day(4, "decay", 5), day(3, "decay", 4)], RULES)
    assert found.evidence["windows_in_a_row"] == {"performance": 3}


def test_what_was_well_again_last_is_named() -> None:
    well = [day(6, "ok", 7), day(5, "ok", 6), day(4, "ok", 5)]
    found = decide(day(7), [*well, day(3, "decay", 7)], Rules(performance_windows=1))
    assert found.reason == "f1 0.600 < 0.7 (2020-01-04), 2020-01-05 was well again"
    waiting = decide(day(7), [day(6), day(5), day(4), day(3, "decay", 7)], Rules(performance_windows=1))
    assert "well again" not in waiting.reason


def test_only_the_same_champion_counts() -> None:
    other = dataclasses.replace(day(4, "decay", 5), model_version=2)
    assert decide(day(5), [other], RULES).action == "none"
    mixed = decide(day(5, "decay"), [other, day(3, "decay", 3)], RULES)
    assert mixed.evidence["windows_in_a_row"] == {"performance": 1}


def test_overdue_labels_are_told_beside_an_alert_and_a_data_fault() -> None:
    failed = ValidationReport(
        passed=False, rows=9, expectations=1, failures=(Failure("x", None, "y"),), on_failure="warn"
    )
    window = dataclasses.replace(day(7, overdue=OVERDUE[:1]), validation=failed)
    found = decide(window, [], RULES)
    assert (found.action, found.causes) == ("alert", ("validation", "labels"))
    assert found.reason == (
        "waiting for labels (30 of 900 rows); 1 of 1 expectations failed (x: y); "
        "labels overdue: 2020-01-02 (10 of 900 rows)"
    )
