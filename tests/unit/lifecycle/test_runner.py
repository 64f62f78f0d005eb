"""``python -m airflow_mlops.runner``: a request that is a file gives a result that is a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_mlops.lifecycle.runner import main


def _request(folder: Path, **changed: object) -> Path:
    fields = {
        "stage": "validate",
        "pipeline": {},
        "task_key": "train/now/validate/-1",
        "artifacts": str(folder / "artifacts"),
        "tracking_uri": f"sqlite:///{folder}/mlflow.db",
    }
    path = folder / "request.json"
    path.write_text(json.dumps({**fields, **changed}))
    return path


def test_help_is_printed_by_the_command_itself() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "airflow_mlops.runner", "--help"], capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith("usage: python -m airflow_mlops.runner [-h] request result")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("{", "Expecting property name"),
        ("[1]", "must be a mapping, not list"),
        ('{"stage": "train"}', "missing 4 required keyword-only arguments"),
        ('{"stages": "train"}', "unexpected keyword argument 'stages'"),
    ],
    ids=["missing", "not JSON", "a list", "too little", "an unknown field"],
)
def test_a_request_that_cannot_be_read_is_a_usage_error(
    tmp_path: Path, text: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "request.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main([str(path), str(tmp_path / "result.json")])
    assert ended.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"cannot read the request {path}: " in error
    assert said in error


def test_an_unknown_stage_fails_and_writes_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "result.json"
    assert main([str(_request(tmp_path, stage="bake")), str(result)]) == 1
    assert capsys.readouterr().err.startswith("error: unknown stage 'bake'; known: ")
    assert not result.exists()
