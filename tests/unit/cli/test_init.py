"""`airflow-mlops init` writes a project that passes lint and its own test, and overwrites nothing."""

import getpass
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_mlops.__main__ import main
from airflow_mlops.config.loader import load_pipeline
from tests.support.project import ENVIRONMENT

LIGHT = """
import sys
from airflow_mlops.__main__ import main
from airflow_mlops.config.loader import load_pipeline
code = main(["init", sys.argv[1]])
sys.exit(code or any(name in sys.modules for name in ("sklearn", "pandas", "numpy", "airflow")))
"""


def test_what_it_writes_passes_lint_and_its_own_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "models"
    assert main(["init", str(folder), "--name", "cells"]) == 0
    assert "airflow-mlops lint pipelines" in capsys.readouterr().out
    assert main(["lint", str(folder)]) == 0
    assert capsys.readouterr().out == ""
    assert len((folder / "data" / "cells.csv").read_text().splitlines()) == 570
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    run = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    assert "2 passed" in run.stdout


def test_it_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mlops.py").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert f"{tmp_path}/mlops.py: already exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mlops.py"]
    assert (tmp_path / "mlops.py").read_text() == "mine"


def test_a_second_pipeline_joins_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path)]) == 0
    assert main(["init", str(tmp_path)]) == 2
    assert "pipelines/tumours.yaml" in capsys.readouterr().err
    loader = tmp_path / "mlops.py"
    loader.write_text(loader.read_text().replace("globals()", "globals(), strict=True"))
    assert main(["init", str(tmp_path), "--name", "cells"]) == 0
    out = capsys.readouterr().out
    assert f"kept {loader}" in out
    assert "airflow-mlops run pipelines/cells.yaml" in out
    assert "strict=True" in loader.read_text()
    assert main(["lint", str(tmp_path)]) == 0


@pytest.mark.parametrize("inner", ["pipelines", "pipelines/deep", "other/folder"])
def test_a_project_inside_another_is_refused(
    tmp_path: Path, inner: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path)]) == 0
    assert main(["init", str(tmp_path / inner)]) == 2
    assert f"is inside the project {tmp_path}; nothing was written" in capsys.readouterr().err
    assert not (tmp_path / inner / "mlops.py").exists()


# Airflow 3.3 reads .airflowignore with a class that pathspec has renamed.
@pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")
def test_airflow_sees_the_loader_only(tmp_path: Path) -> None:
    from airflow.utils.file import list_py_file_paths

    assert main(["init", str(tmp_path)]) == 0
    (tmp_path / "pipelines" / "features.py").write_text("# of an airflow dag\n")
    assert list_py_file_paths(str(tmp_path)) == [str(tmp_path / "mlops.py")]


def test_a_name_that_no_pipeline_can_have_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path), "--name", "../up"]) == 2
    assert "--name '../up'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_it_loads_nothing_heavy(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", LIGHT, str(tmp_path)], env=ENVIRONMENT, capture_output=True)
    assert run.returncode == 0


def test_a_schedule_by_flag_is_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path), "--schedule", "0 6 * * 1"]) == 0
    assert '\nschedule: "0 6 * * 1"\n' in (tmp_path / "pipelines" / "tumours.yaml").read_text()
    assert main(["lint", str(tmp_path)]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("flag", "value", "why"),
    [("--name", "My Model", "small letters, digits and _"), ("--schedule", "dayly", "five cron fields")],
)
def test_a_bad_flag_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str, value: str, why: str
) -> None:
    assert main(["init", str(tmp_path), flag, value]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {flag} ")
    assert why in err
    assert not list(tmp_path.iterdir())


def at_a_terminal(folder: Path, typed: bytes, signalled: int = 0) -> tuple[int, str]:
    """Answer what `init` asks; returns its exit code and all that the terminal showed."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "airflow_mlops", "init", str(folder)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=ENVIRONMENT) as process:
        os.close(theirs)
        shown = b""
        while not shown.endswith(b"]: ") and (chunk := _read(ours)):
            shown += chunk
        os.write(ours, typed)
        if signalled:
            process.send_signal(signalled)
            while not select.select([ours], [], [], 1)[0]:  # one that comes just before it waits is not heard
                process.send_signal(signalled)
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    return process.returncode, shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


def test_at_a_terminal_it_asks_until_the_answer_is_good(tmp_path: Path) -> None:
    code, shown = at_a_terminal(tmp_path, b"My Model\ncells\n@daily\n")
    assert code == 0, shown
    assert "Name of the pipeline [tumours]: " in shown
    assert "a name must start with a small letter" in shown
    assert 'schedule: "@daily"' in (tmp_path / "pipelines" / "cells.yaml").read_text()


@pytest.mark.parametrize(("typed", "signalled", "ends"), [(b"\x04", 0, 2), (b"", signal.SIGINT, 130)])
def test_at_a_terminal_no_answer_writes_nothing(
    tmp_path: Path, typed: bytes, signalled: int, ends: int
) -> None:
    code, shown = at_a_terminal(tmp_path, typed, signalled)
    assert code == ends
    assert "Traceback" not in shown
    assert not list(tmp_path.iterdir())


def test_a_deployment_is_approved_by_this_user_or_another_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path), "--name", "cells", "--deploy"]) == 0
    assert main(["init", str(tmp_path), "--name", "drugs", "--approver", "anna"]) == 0
    cells, drugs = (load_pipeline(tmp_path / "pipelines" / f"{name}.yaml") for name in ("cells", "drugs"))
    assert cells.approve is not None
    assert drugs.approve is not None
    assert (cells.approve.by, drugs.approve.by) == ((getpass.getuser(),), ("anna",))
    assert cells.deploy is not None
    capsys.readouterr()
    assert main(["lint", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""
