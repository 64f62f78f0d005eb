"""MLflow is asked in this process or in another one: the answers and the refusals are the same."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.serving.fetching import Fetcher
from tests.support import free_port
from tests.support.server import NAME, Registry

apart = pytest.mark.parametrize("apart", [False, True])


@apart
def test_a_model_comes_with_its_golden_rows_and_leaves_nothing_else(
    serving_registry: Registry, tmp_path: Path, apart: bool
) -> None:
    fetcher = Fetcher(serving_registry.uri, apart=apart)
    fetcher.fetch(serving_registry.model_uri("good"), tmp_path / "2-x")
    assert {"MLmodel", "golden.json"} <= {file.name for file in (tmp_path / "2-x").iterdir()}
    assert [folder.name for folder in tmp_path.iterdir()] == ["2-x"]


@apart
def test_what_does_not_exist_is_named(serving_registry: Registry, tmp_path: Path, apart: bool) -> None:
    fetcher = Fetcher(serving_registry.uri, apart=apart)
    assert fetcher.version_of(NAME, "nobody") is None
    with pytest.raises(ConfigError, match=f"^models:/{NAME}/999: "):
        fetcher.fetch(f"models:/{NAME}/999", tmp_path / "999-x")
    assert list(tmp_path.iterdir()) == []


@apart
def test_an_mlflow_that_is_not_there_is_no_fault_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = f"http://127.0.0.1:{free_port()}"
    fetcher = Fetcher(uri, apart=apart)
    with pytest.raises(BackendError, match=f"^MLflow at {uri} does not answer: "):
        fetcher.version_of(NAME, "champion")
    with pytest.raises(BackendError, match=f"^MLflow at {uri} does not answer: "):
        fetcher.fetch(f"models:/{NAME}/1", tmp_path / "1-x")


def test_what_is_asked_of_an_mlflow_that_keeps_silent_ends_with_the_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        fetcher = Fetcher(f"http://127.0.0.1:{silent.getsockname()[1]}", apart=True)
        asked = pool.submit(fetcher.version_of, NAME, "champion")
        caller, _ = silent.accept()
        with caller:
            fetcher.close()
            with pytest.raises(BackendError, match="exit code -9"):
                asked.result()
            with pytest.raises(BackendError, match="exit code -9"):
                fetcher.version_of(NAME, "champion")
