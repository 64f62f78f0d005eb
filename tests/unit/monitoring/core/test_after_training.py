"""A finding that is still there after a training says so, with what that training saw of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_mlops.core.records import ColumnDrift, DriftReport, Triage
from airflow_mlops.monitoring.core.after_training import Persisting, persisting, share_from
from airflow_mlops.monitoring.core.triage import Reports, Rules, decide


def day(number: int) -> str:
    return f"2026-03-{number:02d}T00:00:00+00:00"


TIMES = tuple(day(number) for number in range(1, 12))  # eleven quantiles: a tenth of the rows each day


def decision(
    number: int, version: int = 1, action: str = "retrain", columns: tuple[str, ...] = ("price",), **more: Any
) -> Triage:
    evidence = {
        "windows_in_a_row": {"drift": 1} if columns else {},
        "drift": {"verdict": "drift" if columns else "stable", "effects": dict.fromkeys(columns, 0.9)},
        **more,
    }
    causes = ("drift",) if columns else ()
    return Triage(
        start=day(number), end=day(number + 1), model_version=version, action=action, causes=causes,
        reason="", evidence=evidence,
    )  # fmt: skip


def test_a_drift_says_which_training_it_has_outlived_and_what_that_one_saw() -> None:
    found = persisting("drift", {"price"}, 2, [decision(9)], TIMES)
    assert found is not None
    assert found.sentence() == (
        "still there after the training that 2026-03-09 started: 20 % of the rows that version 2 learned are "
        "since 2026-03-09, train.window would leave out older ones"
    )


def test_several_trainings_are_counted_since_the_drift_began() -> None:
    earlier = [
        decision(8, 3),
        decision(7, 3, "alert"),
        decision(5, 2),
        decision(3, 1),
        decision(2, 1, "none", ()),
    ]
    found = persisting("drift", {"price"}, 4, earlier, TIMES)
    assert found is not None
    assert found.sentence().startswith("still there after 3 trainings since 2026-03-03: 80 % of the rows")
    assert "train.window" not in found.sentence()


def test_a_training_that_replaced_nothing_is_told() -> None:
    found = persisting("drift", {"price"}, 1, [decision(9)], TIMES)
    assert found is not None
    assert found.sentence() == "still there: the training that 2026-03-09 started has not replaced version 1"


def test_without_times_the_share_is_not_known() -> None:
    found = persisting("drift", {"price"}, 2, [decision(9)])
    assert found is not None
    assert found.sentence() == (
        "still there after the training that 2026-03-09 started (how much of the time since 2026-03-09 "
        "version 2 learned is not known)"
    )


@pytest.mark.parametrize(
    "earlier",
    [
        [],
        [decision(9, action="alert")],
        [decision(9, columns=("other",))],
        [decision(9, action="none", columns=()), decision(8)],
    ],
    ids=["none before", "no training", "another column", "well in between"],
)
def test_a_drift_of_its_own_outlives_nothing(earlier: list[Triage]) -> None:
    assert persisting("drift", {"price"}, 2, earlier, TIMES) is None


def test_windows_that_judged_nothing_are_passed_over() -> None:
    few = decision(9, action="none", columns=(), drift={"verdict": "insufficient", "effects": {}})
    assert persisting("drift", {"price"}, 2, [few, decision(8, action="block"), decision(7)]) is not None


@pytest.mark.parametrize(("moment", "share"), [(day(1), 1.0), (day(11), 0.0), (day(6), 0.5), (day(30), 0.0)])
def test_the_share_is_read_from_the_quantiles(moment: str, share: float) -> None:
    assert share_from(moment, TIMES) == pytest.approx(share)
    assert share_from(moment, ()) is share_from(moment, TIMES[:1]) is None
    assert share_from(day(2), (day(1), day(3))) == 0.5
    assert share_from(day(2), (day(1), day(8))) == 0.8571


def test_triage_says_it_in_its_reason_and_its_evidence() -> None:
    column = ColumnDrift("price", "numeric", 0.9, 0.0, 1.0, drifted=True)
    report = DriftReport(
        start=day(11), end=day(12), model_version=2, rows=900, columns=(column,), score=None,
        drifted=("price",), threshold=0.25, verdict="drift", learned_times=TIMES,
    )  # fmt: skip
    window = Reports(start=day(11), end=day(12), model_version=2, drift=report)
    rules = Rules(retrain_when=("drift",))
    found = decide(window, [], rules, decisions=[decision(9)])
    assert found.action == "retrain"
    assert "still there after the training that 2026-03-09 started: 20 %" in found.reason
    assert found.evidence["after_training"]["drift"]["share_learned"] == pytest.approx(0.2)
    assert "still" not in decide(window, [], rules).reason


def test_a_training_for_something_else_is_none_for_this_finding() -> None:
    other = dataclasses.replace(decision(9), causes=("performance",))
    assert persisting("drift", {"price"}, 2, [other], TIMES) is None
    found = persisting("drift", {"price"}, 2, [other, decision(8)], TIMES)
    assert found is not None
    assert (found.since, len(found.trainings), found.trainings[0].start) == (day(8), 1, day(8))


def test_a_finding_is_as_old_as_its_first_window_even_if_that_started_nothing() -> None:
    found = persisting("drift", {"price"}, 2, [decision(9), decision(8, action="alert")], TIMES)
    assert found is not None
    assert (found.since, [item.start for item in found.trainings]) == (day(8), [day(9)])


def test_a_cause_without_columns_persists_whatever_the_columns_are() -> None:
    lost = {"windows_in_a_row": {"performance": 2}, "performance": {"verdict": "decayed"}}
    first = dataclasses.replace(decision(9), causes=("performance",), evidence=lost)
    found = persisting("performance", (), 2, [first], TIMES)
    assert found is not None
    assert found.share == pytest.approx(0.2)
    assert persisting("drift", (), 2, [first], TIMES) is None
    assert persisting("performance", {"price"}, 2, [first], TIMES) is not None  # it does not say of which


def test_a_drift_of_any_column_persists_where_none_is_asked_for() -> None:
    assert persisting("drift", (), 2, [decision(9, columns=("other",))], TIMES) is not None


@pytest.mark.parametrize("verdict", ["waiting", "insufficient"])
def test_a_window_that_could_not_judge_ends_nothing(verdict: str) -> None:
    silent = decision(9, action="none", columns=(), drift={"verdict": verdict, "effects": {}})
    found = persisting("drift", {"price"}, 2, [silent, decision(8)], TIMES)
    assert found is not None
    assert found.since == day(8)
    judged = decision(9, action="none", columns=(), drift={"verdict": "stable", "effects": {}})
    assert persisting("drift", {"price"}, 2, [judged, decision(8)], TIMES) is None
    unsaid = decision(9, action="none", columns=(), drift=None)
    assert persisting("drift", {"price"}, 2, [unsaid, decision(8)], TIMES) is None


@pytest.mark.parametrize(("share", "few"), [(0.499, True), (0.5, False), (0.75, False)])
def test_a_window_of_training_is_named_where_less_than_half_of_the_rows_are_new(
    share: float, *, few: bool
) -> None:
    found = Persisting(day(9), (decision(9),), 2, share)
    text = f": {100 * share:.3g} % of the rows that version 2 learned are since 2026-03-09"
    assert found.sentence() == (
        "still there after the training that 2026-03-09 started"
        + text
        + (", train.window would leave out older ones" if few else "")
    )


def test_the_evidence_has_the_windows_of_the_trainings_and_the_share() -> None:
    found = persisting("drift", {"price"}, 3, [decision(9, 2), decision(7)], TIMES)
    assert found is not None
    assert found.evidence() == {
        "since": day(7),
        "trainings": [[day(9), day(10)], [day(7), day(8)]],
        "share_learned": 0.4,
    }
    assert (found.replaced, Persisting(day(9), (decision(9),), 1).replaced) == (True, False)


def test_a_version_that_no_training_replaced_has_no_share() -> None:
    found = persisting("drift", {"price"}, 1, [decision(9)], TIMES)
    assert found is not None
    assert found.share is None


def test_the_newest_training_says_whether_the_version_was_replaced() -> None:
    found = persisting("drift", {"price"}, 3, [decision(9, 3), decision(7, 1)], TIMES)
    assert found is not None
    assert (found.share, found.replaced) == (None, False)
    assert found.sentence() == "still there: the training that 2026-03-09 started has not replaced version 3"
