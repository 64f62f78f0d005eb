"""`airflow-mlops run` as a process of its own: from an empty folder, killed, interrupted, at a terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.airflow import project, run
from tests.support.mlflow_store import new_store
from tests.support.project import APPROVED, ENVIRONMENT, Laptop, states

LIGHT = """
import sys
from airflow_mlops.__main__ import main
code = main(["init"]) or main(["run"])
sys.exit(9 if "airflow" in sys.modules else code)
"""
ENVIRONS = {
    key: value
    for key, value in ENVIRONMENT.items()
    if key not in ("MLFLOW_TRACKING_URI", "NO_COLOR", "FORCE_COLOR")
}
COMMAND = [sys.executable, "-m", "airflow_mlops", "run"]
WAITS = """
import pathlib, time

try:
    while not pathlib.Path(__file__).with_name("go").exists():
        time.sleep(0.01)
"""
RAISED = """
finally:
    pass
"""
TURNED = """
except KeyboardInterrupt:
    raise ImportError("half done")
"""


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Laptop:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    new_store(tmp_path)
    return Laptop(tmp_path, capsys)


def started(folder: Path, until: str) -> subprocess.Popen[str]:
    """Return a running `airflow-mlops run` that has printed a line with ``until``."""
    process = subprocess.Popen(
        COMMAND, cwd=folder, env=ENVIRONS, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    for line in process.stdout:
        if until in line:
            return process
    raise AssertionError(process.communicate()[1])


def test_init_and_run_in_an_empty_folder(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LIGHT], cwd=tmp_path, env=ENVIRONS, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Version 1 of tumours is the champion." in ran.stdout
    assert {path.name for path in tmp_path.iterdir()} >= {"mlflow.db", "mlops-artifacts", "mlops.py"}


def test_a_run_killed_in_its_canary_goes_on_from_there(laptop: Laptop) -> None:
    # So many requests that the canary is surely not over when its first step is told.
    canary = {"steps": [10, 50], "min_requests": 300}
    laptop.write(deploy={"canary": canary})
    assert laptop.document()["message"] == "Version 1 of churn is the champion."
    process = started(laptop.folder, "STEP 1/2")
    process.kill()
    process.communicate()
    found = laptop.document()
    assert found["exit_code"] == 0, found["message"]
    assert {states(found)[task] for task in ("train", "register", "prepare")} == {"kept"}
    rollout = next(line["record"] for line in found["tasks"] if line["task"] == "rollout")
    assert rollout["outcome"] == "PROMOTED"
    assert [entry["to"] for entry in rollout["history"]].count("WARMING") == 1
    assert laptop.aliases() == {"champion": 2, "previous": 1}
    assert laptop.mlflow_runs() == [("train", "FINISHED"), ("refit", "FINISHED")] * 2


@pytest.mark.parametrize("waits", [WAITS + RAISED, WAITS + TURNED], ids=["raised", "turned into an error"])
def test_ctrl_c_is_one_line_and_the_next_run_goes_on(laptop: Laptop, waits: str) -> None:
    laptop.write()
    laptop.code.write_text(laptop.code.read_text() + waits)
    process = started(laptop.folder, "✓ ingest")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    laptop.code.with_name("go").touch()
    assert process.returncode == 130
    assert err.startswith("stopped: interrupted by SIGINT\nResume: airflow-mlops run pipelines/")
    assert "Traceback" not in out + err
    found = laptop.document()
    assert (found["exit_code"], states(found)["ingest"]) == (0, "kept")
    assert {status for _, status in laptop.mlflow_runs()} == {"FINISHED"}


def test_a_person_at_the_terminal_refuses(laptop: Laptop) -> None:
    laptop.write(**APPROVED)
    assert laptop.document()["exit_code"] == 4
    ours, theirs = pty.openpty()
    environment = {**ENVIRONS, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        COMMAND, cwd=laptop.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while part := _read(ours):
        shown += part
        if shown.endswith(b"[y/n] "):
            os.write(ours, b"perhaps\n" if shown.count(b"[y/n] ") == 1 else b"n\n")
    os.close(ours)
    assert process.wait() == 1
    assert b"\x1b[" in shown
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "| champion | none: this is the first version |" in text
    assert re.search(r"rejected: version 1 was rejected by \S+ \(at the terminal\)", text)
    assert laptop.aliases() == {}


def test_templates_mean_the_same_here_and_in_airflow(tmp_path: Path, laptop: Laptop) -> None:
    path = (
        "{{ ds }}-{{ ts_nodash_with_tz }}-{{ macros.ds_add(ds, -1) }}-{{ data_interval_end | ds_nodash }}.csv"
    )
    data = {"source": {"type": "csv", "filepath": path}, "target": "churned"}
    dags = project(tmp_path, name="templated", data=data)
    ran = run(dags["train"], logical_date=datetime(2024, 3, 1, 6, 30, tzinfo=UTC))
    code, _, err = laptop.run("--as-of", "2024-03-01T06:30:00+00:00")
    assert code == 2
    assert "/2024-03-01-20240301T063000+0000-2024-02-29-20240301.csv" in err
    assert ran.error("ingest") in err


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the process has closed its end
        return b""
