"""What lint and render say of the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_mlops.__main__ import main
from airflow_mlops.config.lint import lint_files

FILE: dict[str, Any] = {
    "name": "iris",
    "data": {"source": {"type": "callable", "callable": "rows:read"}, "target": "species"},
    "train": {"estimator": "sklearn.tree.DecisionTreeClassifier"},
    "evaluate": {"metrics": ["accuracy", "f1"]},
}


def written(folder: Path, **changes: Any) -> Path:
    file = folder / "iris.yaml"
    (folder / "rows.py").write_text("def read(start=None, end=None):\n    return None\n")
    file.write_text(yaml.safe_dump({**FILE, **changes}))
    return file


def test_a_setting_of_the_decision_needs_somebody_to_ask(tmp_path: Path) -> None:
    file = written(tmp_path, tasks={"decide": {"queue": "people"}})
    (found,) = lint_files([(file, tmp_path)])
    assert found.level == "warning"
    assert found.message == "ignored: task `decide` exists only with `evaluate.on_inconclusive: ask`"
    asks = {"metrics": ["accuracy"], "on_inconclusive": "ask"}
    file = written(tmp_path, tasks={"decide": {"queue": "people"}}, evaluate=asks, approve={"by": ["ann"]})
    assert lint_files([(file, tmp_path)]) == ()


@pytest.mark.parametrize(("by", "faults"), [(["ann"], 1), (["ann", "bob"], 0)])
def test_an_author_who_is_refused_needs_somebody_else_to_approve(
    tmp_path: Path, by: list[str], faults: int
) -> None:
    file = written(tmp_path, approve={"by": by, "author": "refuse"}, deploy={})
    found = lint_files([(file, tmp_path)])
    assert [fault.level for fault in found] == ["warning"] * faults
    assert all("name another person in by" in fault.message for fault in found)


@pytest.mark.parametrize(
    ("evaluate", "said"),
    [
        (
            {},
            [
                "# evaluate.against_champion is not set: a model that is clearly worse than the champion by "
                "accuracy (its whole 95 % interval is below 0) is refused",
                "# evaluate.on_inconclusive is not set: accept (when the hold-out does not give enough "
                "evidence)",
            ],
        ),
        (
            {"against_champion": {"f1": ">= -0.01"}},
            [
                "# evaluate.on_inconclusive is not set: reject (when the hold-out does not give enough "
                "evidence)"
            ],
        ),
        ({"against_champion": {"f1": ">= -0.01"}, "on_inconclusive": "accept"}, []),
        (
            {"against_champion": False},
            [
                "# evaluate.against_champion is off: the champion is compared and shown, and no model is "
                "refused"
            ],
        ),
    ],
    ids=str,
)
def test_render_says_what_the_gate_does_by_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], evaluate: dict[str, Any], said: list[str]
) -> None:
    file = written(tmp_path, evaluate={"metrics": ["accuracy", "f1"], **evaluate})
    assert main(["render", str(file)]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("# evaluate")] == said
    assert yaml.safe_load(out)["name"] == "iris"
