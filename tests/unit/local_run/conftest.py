from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from airflow_mlops.training.tracking import connect
from tests.support.project import Laptop


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without a run; MLflow takes seconds to make one."""
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(f"sqlite:///{file}")
    return file


@pytest.fixture
def laptop(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Laptop:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "AIRFLOW_MLOPS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return Laptop(tmp_path, capsys)
