from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_mlops.__main__ import main

FILE = """
name: churn
data: {source: {type: csv, filepath: rows.csv}, target: churned}
train: {estimator: sklearn.linear_model.LogisticRegression}
evaluate: {metrics: [roc_auc]}
"""
DEPLOY = "deploy: {canary: {steps: [5, 50], shadow: 15m, guards: {latency_p95: {}}}}\n"


@pytest.fixture
def pipeline(tmp_path: Path) -> str:
    (tmp_path / "churn.yaml").write_text(FILE + DEPLOY)
    return str(tmp_path / "churn.yaml")


def test_plan_says_what_each_step_can_see(pipeline: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["canary", "plan", pipeline, "--rps", "500"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 110
    said = " ".join(shown.split())
    assert "at most 5%" in said
    assert "shared by 2 guards" in said
    assert "latency_p95: harm begins at 2 x" in said
    for word in ("shadow", "5 %", "50 %", "error_rate", "latency_p95"):
        assert word in shown
    assert "warning" not in shown


def test_a_plan_that_cannot_be_judged_warns_and_is_an_honest_no(
    pipeline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["canary", "plan", pipeline, "--rps", "0.01", "--error-rate", "0.001"]) == 1
    shown = capsys.readouterr().out
    assert "warning: 5 %: cannot be judged" in shown
    assert "proposal: " in shown


def test_promotions_are_promised_only_where_every_guard_can_judge(
    pipeline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["canary", "plan", pipeline, "--rps", "50"])
    assert "judged by its failures alone: of 100 rollouts" in " ".join(capsys.readouterr().out.split())
    file = Path(pipeline)
    file.write_text(file.read_text().replace("latency_p95: {}", "quality: {}"))
    assert main(["canary", "plan", pipeline, "--rps", "50", "--coverage", "0.3,0.36"]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "no version is promoted without a person: a guard never has enough evidence" in shown
    assert "of 100 rollouts" not in shown


def test_without_traffic_there_is_one_line_per_step_and_no_table(
    pipeline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["canary", "plan", pipeline, "--rps", "0"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("cannot be judged: there is no traffic") == 3
    assert "never" not in shown
    assert "no traffic to judge by" in shown


def test_few_sticky_callers_are_a_warning(pipeline: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["canary", "plan", pipeline, "--rps", "500", "--callers", "1000"]) == 1
    assert "from 1,000 callers, who count once, min_requests is 100" in capsys.readouterr().out


def test_both_print_json(pipeline: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["canary", "plan", pipeline, "--rps", "0.01", "--format", "json"]) == 1
    plan = json.loads(capsys.readouterr().out)
    assert plan["steps"][1]["percent"] == 5
    assert plan["steps"][1]["needs"][0]["worse"]["2.0"] > 20_000
    assert plan["steps"][1]["needs"][1]["worse"]["1.5"] is None
    assert plan["warnings"]
    assert main(["canary", "simulate", pipeline, "--fault", "dead-server", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"] == "PROMOTED"
    assert any("the server is back" in line["text"] for line in told["story"])


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ("none", "PROMOTED"),
        ("errors", "ROLLED_BACK"),
        ("no-traffic", "PAUSED"),
        ("dead-controller", "PROMOTED"),
        ("dead-server", "PROMOTED"),
    ],
)
def test_simulate_tells_the_story(
    pipeline: str, fault: str, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["canary", "simulate", pipeline, "--fault", fault]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[-1] == end
    assert any("SHADOW" in line for line in lines)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("quality", "no guard watches for this fault: add deploy.canary.guards.quality"),
        ("latency", "ROLLED_BACK"),
    ],
)
def test_a_fault_without_a_guard_is_reported(
    pipeline: str, fault: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["canary", "simulate", pipeline, "--fault", fault]) == 0
    assert capsys.readouterr().out.strip().splitlines()[-1] == said


def test_wrong_calls_are_one_line(tmp_path: Path, pipeline: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["canary", "simulate", pipeline, "--fault", "error"]) == 1
    assert "unknown fault 'error' (did you mean errors?)" in capsys.readouterr().err
    (tmp_path / "bare.yaml").write_text(FILE)
    assert main(["canary", "plan", str(tmp_path / "bare.yaml"), "--rps", "1"]) == 1
    assert "a canary needs a `deploy` section" in capsys.readouterr().err
    for wrong in ("-1", "many", "nan", "inf"):
        with pytest.raises(SystemExit) as stopped:
            main(["canary", "plan", pipeline, f"--rps={wrong}"])
        assert stopped.value.code == 2
        assert f"must be a number >= 0, such as 50, got '{wrong}'" in capsys.readouterr().err
