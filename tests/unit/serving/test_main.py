from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.server import ADMIN_TOKEN, NAME, TOKEN, TOKENS, Registry

TOKEN_VARIABLE = "AIRFLOW_MLOPS_SERVING_TOKEN"


def start(registry: Registry, state_dir: Path, port: int, token: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "airflow_mlops.serving", "--name", NAME, "--tracking-uri", registry.uri]
    return subprocess.Popen(
        [*command, "--state-dir", str(state_dir), "--port", str(port)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **TOKENS, TOKEN_VARIABLE: token},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_no_token_no_server(serving_registry: Registry, tmp_path: Path) -> None:
    process = start(serving_registry, tmp_path, 0, "")
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 1
    assert errors.strip().splitlines()[-1].startswith("error: the model server needs a token")


def test_a_port_in_use_is_one_line_and_exit_code_3(serving_registry: Registry, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(serving_registry, tmp_path, port, TOKEN)
        _, errors = process.communicate(timeout=240)
    assert process.returncode == 3
    assert len(errors.strip().splitlines()) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in errors


def test_the_process_serves_and_stops_on_sigterm(serving_registry: Registry, tmp_path: Path) -> None:
    process = start(serving_registry, tmp_path, 0, TOKEN)
    assert process.stderr is not None
    try:
        line = next(line for line in process.stderr if "administrators of flights on " in line)
        url, headers = line.split(" flights on ")[1].strip(), {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, timeout=240) as client:
            uri = {"model_uri": serving_registry.model_uri("broken")}
            status = "loading"
            while status == "loading":
                answer = client.put(f"/admin/versions/{serving_registry.kinds['broken']}", json=uri)
                status = answer.json().get("status")
            assert status == "ok", answer.text
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert (tmp_path / "serving.sqlite").exists()


def test_an_unwritable_state_dir_is_named(serving_registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    process = start(serving_registry, tmp_path / "file" / "state", 0, TOKEN)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 3
    assert len(errors.strip().splitlines()) == 1
    assert "Set --state-dir to a writable folder" in errors


@pytest.mark.parametrize("given", [["--port", "x"], []])
def test_wrong_arguments_are_refused(given: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow_mlops.serving", *given],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "error:" in done.stderr


def test_the_process_that_keeps_the_workers_alive_knows_no_arrays_and_no_models() -> None:
    heavy = ("numpy", "pandas", "mlflow", "sklearn", "pyarrow", "starlette", "uvicorn")
    code = (
        f"import airflow_mlops.serving.server, sys; print([name for name in {heavy} if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
