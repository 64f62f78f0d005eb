from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.records import (
    Check,
    ColumnDrift,
    DriftReport,
    Failure,
    PerformanceReport,
    Quarantine,
    Triage,
    ValidationReport,
)
from airflow_mlops.monitoring.core.triage import Reports, Rules, decide

MONTHS = [datetime(2013, month, 1, tzinfo=UTC) for month in range(1, 13)]
RULES = Rules(
    drift_windows=1, performance_windows=2, retrain_when=("performance",), cooldown=timedelta(hours=72)
)


def drift(verdict: str) -> DriftReport:
    column = ColumnDrift("temp", "numeric", 1.62, 0.0, 3.0, verdict == "drift")
    names = ("temp",) if verdict == "drift" else ()
    return DriftReport(
        start="", end="", model_version=1, rows=900, columns=(column,), score=None, drifted=names,
        threshold=0.25, verdict=verdict,
    )  # fmt: skip


def performance(verdict: str, value: float = 0.647) -> PerformanceReport:
    value = value if verdict == "decay" else 0.7
    checks = () if verdict == "insufficient" else (Check("roc_auc", value, ">= 0.675", verdict != "decay"),)
    return PerformanceReport(
        start="", end="", model_version=1, rows=900, metrics={c.name: c.value for c in checks}, checks=checks,
        verdict=verdict,
    )  # fmt: skip


def window(
    month: int,
    drifted: str | None = None,
    quality: str | None = None,
    *,
    version: int = 1,
    validation: ValidationReport | None = None,
    blocked: bool = False,
) -> Reports:
    return Reports(
        start=MONTHS[month - 1].isoformat(),
        end=MONTHS[month].isoformat(),
        model_version=version,
        drift=drift(drifted) if drifted else None,
        performance=performance(quality) if quality else None,
        validation=validation,
        blocked=blocked,
    )


def test_decay_for_two_windows_in_a_row_starts_a_retraining() -> None:
    found = decide(window(10, "stable", "decay"), [window(9, "stable", "decay")], RULES)
    assert (found.action, found.causes) == ("retrain", ("performance",))
    assert found.reason == "roc_auc 0.647 < 0.675 for 2 windows in a row (2013-09, 2013-10)"
    assert found.evidence["windows_in_a_row"] == {"performance": 2}


def test_the_first_window_of_decay_is_an_alert() -> None:
    found = decide(window(9, "stable", "decay"), [window(8, "stable", "ok")], RULES)
    assert found.action == "alert"
    assert found.reason == "roc_auc 0.647 < 0.675 in 1 of 2 windows in a row (2013-09)"


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param([window(9, quality="decay", version=2)], id="another model version"),
        pytest.param([window(8, quality="decay")], id="a window is missing"),
        pytest.param([window(9, quality="insufficient"), window(8, quality="decay")], id="no labels between"),
        pytest.param([window(9, quality="decay", blocked=True)], id="a blocked window"),
        pytest.param([window(9, "drift")], id="another finding"),
    ],
)
def test_only_an_unbroken_run_of_windows_confirms(earlier: list[Reports]) -> None:
    found = decide(window(10, quality="decay"), earlier, RULES)
    assert found.action == "alert"
    assert found.evidence["windows_in_a_row"] == {"performance": 1}


def test_drift_that_is_no_cause_to_retrain_is_an_alert_that_says_so() -> None:
    found = decide(window(9, "drift", "ok"), [], RULES)
    assert (found.action, found.causes) == ("alert", ("drift",))
    assert found.reason == (
        "temp 1.62 drifted (effect >= 0.25) (2013-09); "
        "no retraining: monitor.retrain.when lists only performance"
    )
    unconfigured = decide(window(9, "drift", "ok"), [], Rules())
    assert unconfigured.reason.endswith("no retraining: monitor.retrain is not configured")


def test_a_retraining_names_its_own_cause_first_and_alone() -> None:
    found = decide(window(10, "drift", "decay"), [], Rules(retrain_when=("drift",)))
    assert found.action == "retrain"
    assert found.causes == ("drift",)
    assert found.reason.startswith("temp 1.62 drifted")
    assert "roc_auc" in found.reason


def test_the_cool_down_runs_in_event_time() -> None:
    rules = Rules(retrain_when=("drift",), cooldown=timedelta(days=40))
    inside = decide(window(10, "drift"), [], rules, last_retrain=MONTHS[9])  # the end of September
    assert inside.action == "alert"
    assert inside.reason.endswith("the cool-down since 2013-10-01 lasts until 2013-11-10T00:00+00:00")
    after = decide(window(11, "drift"), [], rules, last_retrain=MONTHS[9])
    assert after.action == "retrain"


def failed(on_failure: str) -> ValidationReport:
    failure = Failure("expect_column_values_to_be_between", "temp", "12 of 900 rows, e.g. -999")
    return ValidationReport(
        passed=False, rows=900, expectations=3, failures=(failure,), on_failure=on_failure
    )


def test_a_window_that_fails_its_expectations_is_blocked_whatever_drifted() -> None:
    found = decide(
        window(10, "drift", "decay", validation=failed("fail")), [window(9, "drift", "decay")], RULES
    )
    assert (found.action, found.causes) == ("block", ("validation",))
    assert found.reason == (
        "1 of 3 expectations failed (expect_column_values_to_be_between on temp: 12 of 900 rows, e.g. -999): "
        "a data fault, so no retraining"
    )


def test_expectations_that_only_warn_alert_and_do_not_block() -> None:
    calm = decide(window(10, "stable", "ok", validation=failed("warn")), [], RULES)
    assert (calm.action, calm.causes) == ("alert", ("validation",))
    found = decide(window(10, "drift", validation=failed("warn")), [], Rules(retrain_when=("drift",)))
    assert (found.action, found.causes) == ("retrain", ("drift", "validation"))


@pytest.mark.parametrize(
    ("refused", "action", "told"),
    [
        ("", "alert", "a training would quarantine 12 of 900 rows"),
        ("90 of 900 rows (10.0 %) break expectations", "block", "90 of 900 rows (10.0 %) break expectations"),
    ],
)
def test_a_window_is_blocked_when_quarantine_could_not_save_a_training(
    refused: str, action: str, told: str
) -> None:
    quarantine = Quarantine(rows=12, limit=0.05, refused=refused)
    report = dataclasses.replace(failed("quarantine"), quarantine=quarantine)
    found = decide(window(10, "stable", "ok", validation=report), [], RULES)
    assert (found.action, found.causes) == (action, ("validation",))
    assert told in found.reason


def test_a_calm_window_says_what_held_and_what_could_not_be_judged() -> None:
    assert (
        decide(window(10, "stable", "ok"), [], RULES).reason
        == "roc_auc 0.700 >= 0.675; no drift in 1 columns"
    )
    found = decide(window(10, "insufficient", "insufficient"), [], RULES)
    assert found.action == "none"
    assert found.reason == "too few labels to judge performance; too few rows (900) to judge drift"


@given(st.lists(st.sampled_from(["ok", "decay", "insufficient"]), min_size=1, max_size=12), st.integers(1, 4))
def test_retraining_needs_exactly_so_many_decayed_windows_in_a_row(verdicts: list[str], needed: int) -> None:
    rules = Rules(performance_windows=needed, retrain_when=("performance",))
    days = [datetime(2020, 1, day + 1, tzinfo=UTC) for day in range(len(verdicts) + 1)]
    history: list[Reports] = []
    for i, verdict in enumerate(verdicts):
        now = Reports(
            start=days[i].isoformat(),
            end=days[i + 1].isoformat(),
            model_version=1,
            performance=performance(verdict),
        )
        found = decide(now, history, rules)
        run = next((k for k, v in enumerate(reversed(verdicts[: i + 1])) if v != "decay"), i + 1)
        expected = "retrain" if run >= needed else "alert" if run else "none"
        assert found.action == expected
        assert Triage.from_json(found.to_json()) == found
        history.insert(0, now)


@pytest.mark.parametrize(("blocked", "neighbour"), [(False, True), (True, False), (True, True)])
def test_a_data_fault_does_not_confirm_the_drift_of_its_neighbour(blocked: bool, neighbour: bool) -> None:
    rules = Rules(drift_windows=2, retrain_when=("drift",))
    assert decide(window(10, "drift"), [window(9, "drift")], rules).action == "retrain"
    found = decide(window(10, "drift", blocked=blocked), [window(9, "drift", blocked=neighbour)], rules)
    assert (found.action, found.evidence["windows_in_a_row"]) == ("alert", {"drift": 1})


@pytest.mark.parametrize(
    ("cooldown", "action"),
    [
        (timedelta(days=31), "retrain"),
        (timedelta(days=31, seconds=1), "alert"),
        (timedelta(days=30), "retrain"),
    ],
)
def test_the_cool_down_ends_at_its_last_moment(cooldown: timedelta, action: str) -> None:
    """October has 31 days: its window ends just when the cool-down since its start does."""
    rules = Rules(retrain_when=("drift",), cooldown=cooldown)
    found = decide(window(10, "drift"), [], rules, last_retrain=MONTHS[9])
    assert found.action == action
    assert found.evidence["cooldown_seconds"] == cooldown.total_seconds()
    assert found.evidence["last_retrain"] == "2013-10-01T00:00:00+00:00"


def test_the_evidence_says_what_was_seen_and_what_is_needed() -> None:
    """Dashboards and the pages of the UI read these keys."""
    found = decide(window(10, "drift", "decay"), [window(9, "stable", "decay")], RULES)
    assert found.evidence == {
        "windows_in_a_row": {"performance": 2, "drift": 1},
        "windows_needed": {"drift": 1, "performance": 2},
        "retrain_when": ["performance"],
        "cooldown_seconds": 259200.0,
        "last_retrain": None,
        "drift": {"verdict": "drift", "effects": {"temp": 1.62}},
        "performance": {
            "verdict": "decay", "metrics": {"roc_auc": 0.647}, "limits": {"roc_auc": ">= 0.675"},
            "overdue": [],
        },
    }  # fmt: skip
    assert (found.start, found.end, found.model_version) == (MONTHS[9].isoformat(), MONTHS[10].isoformat(), 1)
    assert set(decide(window(10), [], RULES).evidence) == {
        "windows_in_a_row", "windows_needed", "retrain_when", "cooldown_seconds", "last_retrain",
    }  # fmt: skip


def test_a_drifted_score_is_an_effect_too() -> None:
    report = drift("drift")
    score = dataclasses.replace(report.columns[0], column="_score", effect=0.5)
    calm = dataclasses.replace(report.columns[0], column="wind", drifted=False)
    report = dataclasses.replace(report, columns=(*report.columns, calm), score=score)
    found = decide(dataclasses.replace(window(10, "drift"), drift=report), [], RULES)
    assert found.evidence["drift"]["effects"] == {"temp": 1.62, "_score": 0.5}


def test_up_to_three_windows_are_named_and_of_more_the_first_and_the_last() -> None:
    months = [window(month, quality="decay") for month in (10, 9, 8, 7)]
    three = decide(months[0], months[1:3], RULES)
    assert three.reason == "roc_auc 0.647 < 0.675 for 3 windows in a row (2013-08, 2013-09, 2013-10)"
    four = decide(months[0], months[1:], RULES)
    assert four.reason == "roc_auc 0.647 < 0.675 for 4 windows in a row (2013-07 to 2013-10)"
    one = decide(months[0], [], Rules(performance_windows=1, retrain_when=("performance",)))
    assert one.reason == "roc_auc 0.647 < 0.675 (2013-10)"
    few = decide(months[0], months[1:], Rules(performance_windows=5))
    assert few.reason == "roc_auc 0.647 < 0.675 in 4 of 5 windows in a row (2013-07 to 2013-10)"


def test_the_default_rules_need_one_window_of_drift_and_two_of_decay() -> None:
    rules = Rules(retrain_when=("drift", "performance"))
    assert decide(window(10, "drift"), [], rules).action == "retrain"
    assert decide(window(10, quality="decay"), [], rules).action == "alert"
    assert decide(window(10, quality="decay"), [window(9, quality="decay")], rules).action == "retrain"
    again = decide(window(10, "drift"), [], rules, last_retrain=MONTHS[10])
    assert again.action == "retrain"  # without a cool-down


def test_a_finding_that_is_not_confirmed_is_told_after_the_one_that_retrains() -> None:
    rules = Rules(drift_windows=3, retrain_when=("drift", "performance"))
    found = decide(window(10, "drift", "decay"), [window(9, "stable", "decay")], rules)
    assert (found.action, found.causes) == ("retrain", ("performance",))
    assert found.reason == (
        "roc_auc 0.647 < 0.675 for 2 windows in a row (2013-09, 2013-10); "
        "temp 1.62 drifted (effect >= 0.25) in 1 of 3 windows in a row (2013-10)"
    )
    alert = decide(window(10, "drift", "decay"), [], rules)
    assert (alert.action, alert.causes) == ("alert", ("performance", "drift"))


def test_without_rules_the_evidence_says_what_is_needed_by_default() -> None:
    evidence = decide(window(10, "drift"), [], Rules()).evidence
    assert evidence["windows_needed"] == {"drift": 1, "performance": 2}
    assert (evidence["retrain_when"], evidence["cooldown_seconds"]) == ([], 0.0)


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (Rules(), "monitor.retrain is not configured"),
        (Rules(retrain_when=("performance",)), "monitor.retrain.when lists only performance"),
        (
            Rules(retrain_when=("performance", "labels")),
            "monitor.retrain.when lists only performance, labels",
        ),
    ],
)
def test_a_confirmed_finding_that_may_not_retrain_is_an_alert(rules: Rules, why: str) -> None:
    found = decide(window(10, "drift"), [], rules)
    assert found.action == "alert"
    assert found.reason == f"temp 1.62 drifted (effect >= 0.25) (2013-10); no retraining: {why}"


def test_a_finding_that_is_there_after_its_training_is_evidence_only_for_the_same_columns() -> None:
    columns = tuple(
        ColumnDrift(name, "numeric", effect, 0.0, 1.0, drifted=effect > 0.5)
        for name, effect in (("price", 0.9), ("age", 0.1))
    )
    report = dataclasses.replace(drift("drift"), columns=columns, drifted=("price",))
    now = dataclasses.replace(window(1), drift=report)

    def before(column: str) -> Triage:
        evidence = {
            "windows_in_a_row": {"drift": 1},
            "drift": {"verdict": "drift", "effects": {column: 0.9}},
        }
        return Triage(
            start="2012-12-01T00:00:00+00:00", end="2013-01-01T00:00:00+00:00", model_version=1,
            action="retrain", causes=("drift",), reason="", evidence=evidence,
        )  # fmt: skip

    rules = Rules(retrain_when=("drift",))
    assert set(decide(now, [], rules, decisions=[before("price")]).evidence["after_training"]) == {"drift"}
    for other in ("age", "shop"):
        assert "after_training" not in decide(now, [], rules, decisions=[before(other)]).evidence
