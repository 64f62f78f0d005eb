from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.core.records import DatasetRef, DriftReport, PerformanceReport, ScoredWindow, Triage
from airflow_mlops.monitoring.history import MonitorHistory


def day(number: int) -> str:
    return (datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number)).isoformat()


def triage(number: int, action: str = "none", version: int = 1) -> Triage:
    return Triage(
        start=day(number), end=day(number + 1), model_version=version, action=action, causes=(), reason=""
    )


def drift(number: int, version: int = 1) -> DriftReport:
    return DriftReport(
        start=day(number), end=day(number + 1), model_version=version, rows=9, columns=(), score=None,
        drifted=(), threshold=0.25, verdict="drift",
    )  # fmt: skip


def window(number: int, version: int) -> ScoredWindow:
    rows = DatasetRef(uri="rows", digest="d", rows=9, columns={})
    return ScoredWindow(
        dataset=rows, model_version=version, run_id="r", start=day(number), end=day(number + 1), labelled=0,
        classes=(0, 1),
    )  # fmt: skip


@pytest.fixture
def history(tmp_path: Path) -> MonitorHistory:
    return MonitorHistory(str(tmp_path), "flights")


def test_reports_lie_where_the_documentation_says_and_are_read_back(history: MonitorHistory) -> None:
    uri = history.write(drift(3))
    assert uri == f"{history.artifacts}/flights/monitor/1/20200104T000000Z/drift.json"
    performance = PerformanceReport(
        start=day(3), end=day(4), model_version=1, rows=9, metrics={"f1": 0.5}, checks=(), verdict="ok"
    )
    history.write(performance)
    (found,) = history.reports(1, before=day(4), limit=5)
    assert (found.drift, found.performance, found.start, found.end) == (drift(3), performance, day(3), day(4))
    folder = Path(uri).parent
    assert sorted(path.name for path in folder.iterdir()) == ["drift.json", "performance.json"]


def test_only_earlier_windows_of_the_version_are_history_newest_first(history: MonitorHistory) -> None:
    for number in range(6):
        history.write(drift(number))
    history.write(drift(2, version=2))
    found = history.reports(1, before=day(4), limit=3)
    assert [item.start for item in found] == [day(3), day(2), day(1)]
    assert history.reports(3, before=day(4), limit=3) == ()
    assert history.reports(1, before=day(0), limit=3) == ()


def test_windows_since_a_moment_are_history_whatever_the_limit(history: MonitorHistory) -> None:
    for number in range(9):
        history.write(drift(number))
    found = history.reports(1, before=day(8), limit=2, since=datetime.fromisoformat(day(5)))
    assert [item.start for item in found] == [day(7), day(6), day(5), day(4), day(3)]


def test_windows_with_scored_rows_are_found_in_all_versions_oldest_first(history: MonitorHistory) -> None:
    for number, version in ((3, 1), (2, 2), (3, 2), (1, 1), (5, 2)):
        history.write(window(number, version))
    history.write(drift(4))
    quality = PerformanceReport(
        start=day(2), end=day(3), model_version=2, rows=0, metrics={}, checks=(), verdict="waiting"
    )
    history.write(quality)
    found = history.watched(before=day(5), since=datetime.fromisoformat(day(2)))
    assert [(item.window.start, item.window.model_version) for item in found] == [
        (day(2), 2),
        (day(3), 1),
        (day(3), 2),
    ]
    assert [item.performance for item in found] == [quality, None, None]
    assert history.performance(2, day(2)) == quality
    assert history.performance(2, day(3)) is None


def test_blocked_windows_are_marked(history: MonitorHistory) -> None:
    history.write(drift(1))
    history.write(triage(1, "block"))
    (found,) = history.reports(1, before=day(2), limit=1)
    assert found.blocked


def test_the_last_retraining_is_found_across_versions_and_a_window_never_sees_itself(
    history: MonitorHistory,
) -> None:
    always = datetime(2000, 1, 1, tzinfo=UTC)
    assert history.last_retrain(before=day(9), since=always) is None
    history.write(triage(1, "retrain", version=1))
    history.write(triage(3, "retrain", version=2))
    history.write(triage(5, "alert", version=2))
    assert history.last_retrain(before=day(6), since=always) == datetime.fromisoformat(day(4))
    assert history.last_retrain(before=day(3), since=always) == datetime.fromisoformat(day(2))
    assert history.last_retrain(before=day(1), since=always) is None
    assert history.last_retrain(before=day(6), since=datetime.fromisoformat(day(4))) is None


def test_a_window_that_is_run_again_replaces_its_own_report(history: MonitorHistory) -> None:
    history.write(drift(1))
    history.write(dataclasses.replace(drift(1), rows=10))
    (found,) = history.reports(1, before=day(2), limit=9)
    assert found.drift is not None
    assert found.drift.rows == 10


def test_the_profile_is_fetched_once_per_run(history: MonitorHistory) -> None:
    fetched = []

    def fetch() -> dict[str, object]:
        fetched.append(1)
        return {"kind": "Profile"}

    for _ in range(2):
        assert history.profile(1, "run", fetch) == {"kind": "Profile"}
    history.profile(1, "another run", fetch)
    assert len(fetched) == 2
    assert history.reports(1, before=day(1), limit=9) == ()


def test_faults_of_storage_say_what_to_do(tmp_path: Path, history: MonitorHistory) -> None:
    Path(history.write(drift(1))).write_text("{half")
    with pytest.raises(ConfigError, match=r"drift\.json is not JSON .*: delete it and run its window again"):
        history.reports(1, before=day(2), limit=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match="cannot write"):
        MonitorHistory(str(tmp_path / "file"), "flights").write(drift(1))
    with pytest.raises(ConfigError, match="install the fsspec package"):
        MonitorHistory("nosuch://bucket", "flights").write(drift(1))


def test_reports_travel_to_any_fsspec_store() -> None:
    history = MonitorHistory("memory://monitor-test", "flights")
    history.write(drift(1))
    history.write(triage(1, "retrain"))
    (found,) = history.reports(1, before=day(2), limit=1)
    assert found.drift == drift(1)
    assert history.last_retrain(before=day(2), since=datetime(2000, 1, 1, tzinfo=UTC)) is not None
