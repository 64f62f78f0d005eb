"""`doctor` as a whole: on an installation that is in order, on one that is not, and on none."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_mlops.__main__ import main
from tests.support.airflow import free_port
from tests.support.postgres import running_postgres
from tests.support.project import ENVIRONMENT

SECRET = "hunter22-sesame"


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A DAGs folder as `init` writes it, which Airflow is told to read."""
    folder = tmp_path / "dags"
    assert main(["init", str(folder)]) == 0
    capsys.readouterr()
    classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundle = {"name": "dags-folder", "classpath": classpath, "kwargs": {"path": str(folder)}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    return folder


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Run the command; returns its exit code, its findings by check, and all that it printed."""
    code = main(["doctor", *words, "--format", "json"])
    printed = capsys.readouterr()
    checks = json.loads(printed.out)["checks"]
    return code, {check["check"]: check for check in checks}, printed.out + printed.err


def test_an_installation_in_order_is_fine(dags: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = told(capsys)
    assert code == 0
    fine = [
        *("provider", "airflow database", "dags folder", "pipeline tumours.yaml"),
        *("connection mlops_mlflow_default", "mlflow mlops_mlflow_default", "artifacts", "rollouts", "disk"),
    ]
    assert {name: found[name]["status"] for name in fine} == dict.fromkeys(fine, "ok")
    assert found["model server"]["status"] == "not needed"
    assert str(dags / "pipelines") in found["dags folder"]["message"]


def test_what_is_missing_is_told_with_the_next_step_and_without_secrets(
    dags: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = dags / "pipelines" / "tumours.yaml"
    file.write_text(file.read_text() + "deploy: {canary: {steps: [50]}}\n")
    (dags / "pipelines" / "bad.yaml").write_text("name: bad\nscheduel: x\n")
    code, found, _ = told(capsys)
    assert code == 1
    missing = found["connection mlops_serving_default"]
    assert (missing["status"], missing["message"]) == ("failed", "missing; tumours needs it")
    assert missing["fix"].startswith(
        "airflow connections add mlops_serving_default --conn-type mlops_serving"
    )
    assert found["pipeline bad.yaml"]["fix"] == f"airflow-mlops lint {dags / 'pipelines' / 'bad.yaml'}"

    server = {"conn_type": "mlops_serving", "host": f"http://127.0.0.1:{free_port()}", "password": SECRET}
    mlflow = {"conn_type": "mlops_mlflow", "host": f"http://u:{SECRET}@127.0.0.1:{free_port()}"}
    monkeypatch.setenv("AIRFLOW_CONN_MLOPS_SERVING_DEFAULT", json.dumps(server))
    monkeypatch.setenv("AIRFLOW_CONN_MLOPS_MLFLOW_DEFAULT", json.dumps({**mlflow, "password": SECRET}))
    before = dict(os.environ)
    code, found, printed = told(capsys)
    assert code == 1
    assert found["model server mlops_serving_default"]["status"] == "failed"
    assert "no MLflow answers at http://***@127.0.0.1" in found["mlflow mlops_mlflow_default"]["message"]
    assert SECRET not in printed
    assert dict(os.environ) == before


def test_a_connection_in_airflows_database_counts(
    dags: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from airflow.models import Connection
    from airflow.utils.session import create_session

    file = dags / "pipelines" / "tumours.yaml"
    file.write_text(file.read_text() + "mlflow_conn_id: doctors_own\n")
    _, found, _ = told(capsys)
    assert found["connection doctors_own"]["status"] == "warning"
    with create_session() as session:
        session.add(Connection("doctors_own", "mlops_mlflow", host=f"sqlite:///{tmp_path}/mlflow.db"))
    try:
        _, found, _ = told(capsys)
    finally:
        with create_session() as session:
            session.query(Connection).filter_by(conn_id="doctors_own").delete()
    assert found["connection doctors_own"]["status"] == "ok"
    assert found["mlflow doctors_own"]["status"] == "ok"


def test_rollouts_in_postgresql_are_looked_at_through_their_connection(
    dags: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__MLOPS__ROLLOUTS", f"postgresql://me:{SECRET}@db/rollouts")
    code, found, printed = told(capsys)
    assert (code, found["rollouts"]["status"]) == (1, "failed")
    assert "must not hold a password: create an Airflow connection" in found["rollouts"]["message"]
    assert SECRET not in printed
    monkeypatch.setenv("AIRFLOW__MLOPS__ROLLOUTS", "conn_id://doctors_rollouts")
    code, found, _ = told(capsys)
    assert code == 1
    assert found["connection doctors_rollouts"]["fix"].startswith(
        "airflow connections add doctors_rollouts --conn-type postgres --conn-host"
    )
    with running_postgres() as postgres:
        postgres.make_user("airflow", password=SECRET)
        there = {"conn_type": "postgres", "host": "127.0.0.1", "port": postgres.port, "login": "airflow"}
        for password, schema, status in (
            (SECRET, postgres.make("rollouts", owner="airflow"), "ok"),
            (SECRET[::-1], "rollouts", "failed"),
        ):
            connection = {**there, "schema": schema.rpartition("/")[2], "password": password}
            monkeypatch.setenv("AIRFLOW_CONN_DOCTORS_ROLLOUTS", json.dumps(connection))
            code, found, printed = told(capsys)
            assert found["connection doctors_rollouts"]["status"] == "ok"
            assert found["rollouts"]["status"] == status, found["rollouts"]
            assert password not in printed
    assert "correct the login and password" in found["rollouts"]["message"]


def test_the_database_of_a_query_is_asked_whether_it_answers(
    dags: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = next((dags / "pipelines").glob("*.yaml"))
    source = {"type": "sql", "sql": "SELECT 1", "conn_id": "doctors_shop"}
    config = yaml.safe_load(file.read_text())
    config["data"] = {**config["data"], "source": source}
    file.write_text(yaml.safe_dump(config))
    code, found, _ = told(capsys)
    assert (code, found["connection doctors_shop"]["status"]) == (1, "failed")
    assert (
        "airflow connections add doctors_shop --conn-type postgres" in found["connection doctors_shop"]["fix"]
    )
    monkeypatch.setenv("AIRFLOW_CONN_DOCTORS_SHOP", f"sqlite:///{tmp_path}/shop.db")
    _, found, _ = told(capsys)
    assert found["database doctors_shop"]["message"] == (
        f"connection 'doctors_shop': no such file {tmp_path}/shop.db"
    )
    (tmp_path / "shop.db").touch()
    _, found, _ = told(capsys)
    assert found["database doctors_shop"]["status"] == "ok"
    monkeypatch.setenv("AIRFLOW_CONN_DOCTORS_SHOP", f"postgres://me:{SECRET}@127.0.0.1:{free_port()}/shop")
    code, found, printed = told(capsys)
    assert (code, found["database doctors_shop"]["status"]) == (1, "failed")
    assert "Connection refused" in found["database doctors_shop"]["message"]
    assert SECRET not in printed


def test_a_call_that_is_wrong_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(tmp_path / "nowhere")]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert main(["doctor", str(tmp_path)]) == 2
    assert "no pipeline file" in capsys.readouterr().err


def test_an_airflow_that_is_not_initialised_is_told_and_left_so(dags: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    changes = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__MLOPS__ARTIFACTS": str(home / "mlops"),
        "AIRFLOW__MLOPS__ROLLOUTS": str(home / "mlops" / "rollouts.db"),
    }
    command = [sys.executable, "-m", "airflow_mlops", "doctor", str(dags / "pipelines")]
    run = subprocess.run(
        command, env={**ENVIRONMENT, **changes}, cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert f"Airflow is not initialised: {home}/airflow.db does not exist" in run.stdout
    assert "→ airflow db migrate" in run.stdout
    assert run.stderr == ""
    assert [path.name for path in home.iterdir()] == ["logs"]
    assert not (tmp_path / "mlflow.db").exists()
