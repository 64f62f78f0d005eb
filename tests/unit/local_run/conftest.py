from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.mlflow_store import new_store
from tests.support.project import Laptop


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Laptop:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "AIRFLOW_MLOPS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    new_store(tmp_path)
    return Laptop(tmp_path, capsys)
