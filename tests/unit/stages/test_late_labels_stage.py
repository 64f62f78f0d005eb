"""Labels that land days after their windows, from the first score to the retraining."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import PerformanceReport, ScoredWindow, Triage
from airflow_mlops.data.datasets import write_dataset
from airflow_mlops.lifecycle.runner import StageRequest, run_stage
from airflow_mlops.monitoring.champion import Champion
from airflow_mlops.monitoring.history import MonitorHistory

ROWS = 600
FIRST = pd.Timestamp("2020-03-01", tz="UTC")


def day(number: int) -> pd.Timestamp:
    return FIRST + pd.Timedelta(days=number)


def rows_of(number: int) -> pd.DataFrame:
    rng = np.random.default_rng(number)
    return pd.DataFrame(
        {
            "id": np.arange(ROWS) + number * ROWS,
            "at": day(number) + pd.to_timedelta(np.arange(ROWS), unit="min"),
            "x": rng.normal(size=ROWS),
        }
    )


def truth_of(number: int, *, decayed: bool) -> pd.DataFrame:
    """The labels of a day, as they land: keys and the target."""
    rows = rows_of(number)
    seen = np.random.default_rng(99).normal(size=ROWS) if decayed else rows["x"]
    return rows[["id", "at"]].assign(late=(seen > 0).astype(int))


class Watch:
    """A champion, one window a day, and a folder that labels land in."""

    def __init__(self, root: Path, **performance: Any) -> None:
        self.root = root
        self.labels = root / "labels"
        self.labels.mkdir()
        learned = rows_of(50)
        self.champion = Champion("m", 1, "run", LogisticRegression().fit(learned[["x"]], learned["x"] > 0))
        own = {"labels": {"type": "parquet", "filepath": "labels"}, "label_delay": "3d"}
        self.pipeline = {
            "name": "m",
            "data": {
                "source": {"type": "parquet", "filepath": "rows"},
                "target": "late",
                "keys": ["id", "at"],
            },
            "train": {"estimator": "unused"},
            "evaluate": {"metrics": ["accuracy"]},
            "monitor": {
                "schedule": "@daily",
                "performance": {"require": {"accuracy": ">= 0.9"}, **own, **performance},
                "retrain": {"when": ["performance"], "cooldown": "1d"},
            },
        }

    def land(self, number: int, *, decayed: bool = False, part: float = 1.0) -> None:
        truth = truth_of(number, decayed=decayed).head(int(part * ROWS))
        truth.to_parquet(self.labels / f"{number}-{part}.parquet", index=False)

    def stage(self, name: str, number: int, **inputs: Any) -> dict[str, Any]:
        request = StageRequest(
            stage=name, pipeline=self.pipeline, task_key=f"{name}/{number}", artifacts=str(self.root),
            tracking_uri="unused", base=str(self.root), inputs=inputs,
        )  # fmt: skip
        return dict(run_stage(request).record)

    def run(self, number: int) -> tuple[PerformanceReport, Triage]:
        """Run the tasks of the monitor after the window of a day has been scored."""
        frame = rows_of(number)
        scored = self.champion.scored(frame[["x"]]).assign(id=frame["id"], at=frame["at"])
        start, end = day(number).isoformat(), day(number + 1).isoformat()
        folder = MonitorHistory(str(self.root), "m").window_folder(1, start)
        window = ScoredWindow(
            dataset=write_dataset(scored, folder), model_version=1, run_id="run", start=start, end=end,
            labelled=0, classes=(0, 1), probabilities=True,
        ).to_json()  # fmt: skip
        performance = self.stage("performance", number, window=window)
        triage = self.stage("triage", number, window=window, performance=performance)
        return PerformanceReport.from_json(performance), Triage.from_json(triage)

    def history(self) -> dict[str, Any]:
        """Return every stored report by its place."""
        folder = self.root / "m" / "monitor"
        return {str(file): json.loads(file.read_text()) for file in sorted(folder.rglob("*.json"))}

    def verdicts(self) -> list[str]:
        return [
            report["verdict"] for file, report in self.history().items() if file.endswith("performance.json")
        ]


def test_windows_are_scored_when_their_labels_land_and_counted_in_their_order(tmp_path: Path) -> None:
    watch = Watch(tmp_path, label_delay="9d")
    for number in range(3):
        report, triage = watch.run(number)
        assert (report.verdict, triage.action) == ("waiting", "none")
    watch.land(1, decayed=True)
    _, alert = watch.run(3)
    assert (alert.action, alert.causes) == ("alert", ("performance",))
    assert "in 1 of 2 windows in a row (2020-03-02)" in alert.reason
    watch.land(0, decayed=True)
    watch.land(2, part=0.5)
    report, retrain = watch.run(4)
    assert report.also_scored == 1
    assert (retrain.action, retrain.causes) == ("retrain", ("performance",))
    assert "for 2 windows in a row (2020-03-01, 2020-03-02)" in retrain.reason
    assert watch.verdicts() == ["decay", "decay", "waiting", "waiting", "waiting"]

    before = watch.history()
    assert watch.run(4)[1] == retrain
    assert watch.history() == before


def test_labels_that_do_not_come_are_overdue_until_they_do(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.land(1)
    watch.land(0, part=0.25)
    assert [watch.run(number)[1].action for number in range(3)] == ["none"] * 3
    report, triage = watch.run(3)
    assert (triage.action, triage.causes) == ("alert", ("labels",))
    assert "labels overdue: 2020-03-01 (150 of 600 rows)" in triage.reason
    assert [item.start for item in report.overdue] == [day(0).isoformat()]
    (watch.labels / "0-0.25.parquet").unlink()
    watch.land(0)
    report, triage = watch.run(4)
    assert [item.start for item in report.overdue] == []
    assert triage.action == "none"
    assert watch.verdicts() == ["ok", "ok", "waiting", "waiting", "waiting"]


def test_contradicting_labels_are_told_and_keep_nobody_else_waiting(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.run(0)
    watch.run(1)
    watch.land(0)
    watch.land(0, decayed=True, part=0.1)
    watch.land(1)
    report, triage = watch.run(2)
    (fault,) = report.label_faults
    assert "keys have contradicting labels in labels, e.g. id=" in fault
    assert (triage.action, triage.causes) == ("alert", ("labels",))
    assert watch.verdicts() == ["waiting", "ok", "waiting"]


def test_labels_that_the_model_does_not_know_are_told(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    truth_of(0, decayed=False).assign(late=7).to_parquet(watch.labels / "odd.parquet")
    report, triage = watch.run(0)
    assert (report.verdict, triage.causes) == ("waiting", ("labels",))
    assert "labels that the model was not trained on: 7" in triage.reason


def test_clearing_the_run_of_a_window_that_was_scored_later_decides_as_before(tmp_path: Path) -> None:
    watch = Watch(tmp_path, **{"for": 1})
    for number in range(3):
        watch.run(number)
    watch.land(0, decayed=True)
    assert watch.run(3)[1].action == "retrain"
    report, triage = watch.run(0)
    assert (report.verdict, report.scored_at) == ("decay", day(4).isoformat())
    assert triage.action == "none"
    assert watch.run(3)[1].action == "retrain"


def test_labels_that_were_there_at_once_are_scored_at_once(tmp_path: Path) -> None:
    watch = Watch(tmp_path, label_delay=None)
    watch.land(0)
    report, triage = watch.run(0)
    assert (report.verdict, report.rows, report.scored_at) == ("ok", ROWS, day(1).isoformat())
    assert triage.reason.startswith("accuracy ")


def test_the_data_itself_is_read_again_when_labels_have_no_place_of_their_own(tmp_path: Path) -> None:
    watch = Watch(tmp_path, labels=None)
    (tmp_path / "rows").mkdir()
    for number in range(2):
        rows_of(number).to_parquet(tmp_path / "rows" / f"{number}.parquet", index=False)
        assert watch.run(number)[0].verdict == "waiting"
    for number in range(3):
        whole = rows_of(number).assign(late=truth_of(number, decayed=False)["late"])
        whole.to_parquet(tmp_path / "rows" / f"{number}.parquet", index=False)
    watch.run(2)
    assert watch.verdicts() == ["ok", "ok", "ok"]


def test_without_keys_labels_find_no_rows(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.pipeline["data"]["keys"] = []  # type: ignore[index]
    with pytest.raises(ConfigError, match=r"joined by data\.keys: name the entity and the time"):
        watch.run(0)
