from __future__ import annotations

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
    assert "at most 5%" in shown
    assert "shared by 2 guards" in shown
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


@pytest.mark.parametrize(
    ("fault", "end"), [("none", "PROMOTED"), ("errors", "ROLLED_BACK"), ("no-traffic", "PAUSED")]
)
def test_simulate_tells_the_story(
    pipeline: str, fault: str, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["canary", "simulate", pipeline, "--fault", fault]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[-1] == end
    assert any("SHADOW" in line for line in lines)


def test_wrong_calls_are_one_line(tmp_path: Path, pipeline: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["canary", "simulate", pipeline, "--fault", "fire"]) == 1
    assert "unknown fault 'fire'" in capsys.readouterr().err
    (tmp_path / "bare.yaml").write_text(FILE)
    assert main(["canary", "plan", str(tmp_path / "bare.yaml"), "--rps", "1"]) == 1
    assert "no `deploy` section" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["canary", "plan", pipeline, "--rps", "-1"])
    assert stopped.value.code == 2
