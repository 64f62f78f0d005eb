"""``defaults.yaml`` under lint: on its own, unused, empty, and by the name that it was given."""

from pathlib import Path

import pytest

from airflow_mlops.__main__ import main

PIPELINE = """\
name: iris
data: {source: {type: csv, filepath: iris.csv}, target: species}
train: {estimator: sklearn.tree.DecisionTreeClassifier}
evaluate: {metrics: [accuracy]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models/iris.yaml").write_text(PIPELINE)
    return tmp_path


def lint(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    code = main(["lint", *words])
    return code, capsys.readouterr().out.splitlines()


def test_only_what_stands_in_it_is_looked_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "owner: me\nretries: many\ndeploy: {canary: {hld: 5m}}\nretry: {fail_on: [builtins.ValeError]}\n"
    (folder / "defaults.yaml").write_text(text + "profiles: {dev: {deploy.canry.hold: 1m}}\n")
    code, lines = lint(capsys, "defaults.yaml")
    assert code == 1
    assert [line.partition(": ")[0] for line in lines] == [
        "defaults.yaml:2:10",
        "defaults.yaml:3:19",
        "defaults.yaml:4:19",
        "defaults.yaml:5:18",
    ]


def test_a_fault_is_told_once_by_the_name_that_the_folder_was_given(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "models/defaults.yaml").write_text("retrys: 3\n")
    (folder / "models/roses.yaml").write_text(PIPELINE.replace("iris", "roses"))
    assert lint(capsys, "models") == (
        1,
        ["models/defaults.yaml:1:1: retrys: is not a known key (did you mean retry?)"],
    )


def test_defaults_of_no_pipeline_are_looked_at_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "models/team").mkdir()
    (folder / "models/team/defaults.yaml").write_text("pool_slots: 0\n")
    code, lines = lint(capsys, "models")
    assert code == 1
    assert lines[0].startswith(
        "models/team/defaults.yaml:1:13: pool_slots: must be greater than or equal to 1"
    )


def test_defaults_may_be_empty(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "models/defaults.yaml").write_text("# nothing yet\n")
    assert lint(capsys, "models", "models/defaults.yaml") == (0, [])


def test_defaults_that_cannot_be_read_are_told_at_their_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "models/defaults.yaml").mkdir()
    code, lines = lint(capsys, "models")
    assert code == 1
    assert lines == ["models/defaults.yaml:1:1: is a folder: expected the path of a text file"]


def test_a_folder_that_is_named_like_a_file_is_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "models/old.yaml").mkdir()
    (folder / "models/old.yaml/rose.yaml").write_text(
        PIPELINE.replace("iris", "rose").replace("csv,", "cvs,")
    )
    code, lines = lint(capsys, "models")
    assert code == 1
    assert [line.partition(":")[0] for line in lines] == ["models/old.yaml/rose.yaml"]
