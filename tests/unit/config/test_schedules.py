"""The forms of a schedule: what each of them means, also after JSON, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.cli.graph import as_mermaid, as_text
from airflow_mlops.config.lint.circles import asset_circles
from airflow_mlops.config.loader import load_pipeline, read_pipeline
from airflow_mlops.config.models import Pipeline, Schedule
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.local_run.monitor_window import last_window

FILE = """\
name: small
data: {source: {type: csv, filepath: rows.csv}, target: y}
train: {estimator: sklearn.tree.DecisionTreeClassifier}
evaluate: {metrics: [accuracy]}
"""
ECHO = "airflow.providers.standard.operators.bash.BashOperator"


def load(folder: Path, more: str, profile: str | None = None) -> Pipeline:
    file = folder / "small.yaml"
    file.write_text(FILE + more)
    return load_pipeline(file, profile)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('"30 6 * * 1"', ("30 6 * * 1",)),
        ('"@once"', ("@once",)),
        ("12h", ("every 12h",)),
        ("P1DT12H", ("every 36h",)),
        ("[lake/a, s3://lake/b]", ("asset lake/a and asset s3://lake/b",)),
        ("{assets: {any: [a, {name: b, uri: x://b}]}}", ("asset a", "asset b")),
        ('{cron: "@daily", timezone: Europe/Berlin, assets: a}', ("@daily Europe/Berlin", "asset a")),
        ("{dagrun_timeout: 2h}", ()),
    ],
)
def test_each_form_means_what_it_shows_and_survives_json(
    tmp_path: Path, written: str, shown: tuple[str, ...]
) -> None:
    pipeline = load(tmp_path, f"schedule: {written}\n")
    assert pipeline.schedule is not None
    assert pipeline.schedule.shown == shown
    assert Pipeline.model_validate(json.loads(json.dumps(pipeline.effective()))) == pipeline


def test_a_profile_replaces_a_short_form_and_joins_a_long_one(tmp_path: Path) -> None:
    short = load(
        tmp_path, 'schedule: "@daily"\nprofiles: {dev: {schedule: off}, b: {schedule: {every: 1h}}}\n', "dev"
    )
    assert short.schedule is None
    assert load_pipeline(tmp_path / "small.yaml", "b").schedule == Schedule(every=timedelta(hours=1))
    long = 'schedule: {cron: "@daily", timezone: Asia/Tokyo}\nprofiles: {dev: {schedule.cron: "@hourly"}}\n'
    assert load(tmp_path, long, "dev").schedule == Schedule(cron="@hourly", timezone="Asia/Tokyo")


@pytest.mark.parametrize("value", ["@nightly", "1 2 3", "7x", "", "*/5", 5, {"cron": "@daily", "evry": "1h"}])
def test_what_is_no_schedule_is_refused(value: Any) -> None:
    parts = {"name": "small", "data": {"source": {"type": "csv", "filepath": "r.csv"}, "target": "y"}}
    with pytest.raises(ConfigError, match="schedule"):
        Pipeline(**parts, train={"estimator": "a.b"}, evaluate={"metrics": ["accuracy"]}, schedule=value)


def test_the_graph_shows_tasks_of_ones_own_and_foreign_assets(tmp_path: Path) -> None:
    tell = f"{{operator: {ECHO}, task_id: tell, when: always}}"
    own = f"before: [{{operator: {ECHO}, task_id: wait}}]\nafter: [{tell}, {{operator: {ECHO}}}]\n"
    pipeline = load(tmp_path, f"schedule: [lake/data, small.x]\n{own}")
    lines = as_text(pipeline).splitlines()
    assert lines[0] == "small__train  (asset lake/data and asset small.x)"
    assert lines[1:3] == ["  wait", "  ingest  after wait  → asset small/data"]
    assert lines[-2:] == ["  tell  after bash", "  bash  after register"]
    drawn = as_mermaid(pipeline).splitlines()
    assert '  asset_lake_data(["lake/data"])' in drawn
    assert "  asset_lake_data -.-> train_wait" in drawn
    assert "    train_bash --> train_tell" in drawn


def test_the_last_window_begins_where_the_day_does() -> None:
    """In Berlin the 29th of March 2026 has 23 hours."""
    start, end = last_window("@daily", datetime(2026, 3, 30, 12, tzinfo=UTC), "Europe/Berlin")
    assert (start, end) == (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC))


@pytest.mark.parametrize(
    ("schedules", "found"),
    [
        ({"a": "[b/data]", "b": "[a/champion]"}, ["a awaits b/data and b awaits a/champion"]),
        (
            {
                "a": "[x, mlops://c/challenger]",
                "b": "[a/data]",
                "c": "{cron: '@daily', assets: {any: [b/data]}}",
            },
            ["a awaits mlops://c/challenger and c awaits b/data and b awaits a/data"],
        ),
        ({"a": "[b/data]", "b": "[c/data]", "c": "[lake/c]"}, []),
        ({"a": "[b/data]", "b": "[c/data]", "c": "[b/data]"}, ["b awaits c/data and c awaits b/data"]),
        ({"a": "[b/retrain]", "b": "[a/data]"}, []),
        (
            {"a": "[c/data]\nprofiles: {dev: {schedule: [b/data]}}", "b": "[a/data]"},
            ["a awaits b/data and b"],
        ),
        ({"a": "[b/data]\nprofiles: {dev: {schedule: off}}", "b": "[a/data]"}, ["a awaits b/data and b"]),
    ],
)
def test_pipelines_that_await_each_others_assets_are_found(
    tmp_path: Path, schedules: dict[str, str], found: list[str]
) -> None:
    for name, schedule in schedules.items():
        text = FILE.replace("name: small", f"name: {name}")
        (tmp_path / f"{name}.yaml").write_text(f"{text}schedule: {schedule}\n")
    files = [read_pipeline(tmp_path / f"{name}.yaml") for name in schedules]
    faults = list(asset_circles(files))
    assert [fault.message[: len(text)] for fault, text in zip(faults, found, strict=True)] == found
    assert {fault.path.rpartition("schedule")[1] for fault in faults} <= {"schedule"}
    if "off" in schedules["a"]:
        assert not list(asset_circles(files, profile="dev"))
