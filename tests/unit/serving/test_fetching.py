"""MLflow is asked in this process or in another one: the answers and the refusals are the same."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.serving import fetching
from airflow_mlops.serving.fetching import Fetcher
from tests.support import free_port
from tests.support.server import NAME, Registry

apart = pytest.mark.parametrize("fetcher", [False, True], indirect=True)


@pytest.fixture
def fetcher(serving_registry: Registry, request: pytest.FixtureRequest) -> Iterator[Fetcher]:
    """Asks in this process or in another one."""
    fetcher = Fetcher(serving_registry.uri, apart=request.param)
    yield fetcher
    fetcher.close()


@apart
def test_a_model_comes_with_its_golden_rows_and_leaves_nothing_else(
    serving_registry: Registry, tmp_path: Path, fetcher: Fetcher
) -> None:
    fetcher.fetch(serving_registry.model_uri("good"), tmp_path / "2-x")
    assert {"MLmodel", "golden.json"} <= {file.name for file in (tmp_path / "2-x").iterdir()}
    assert [folder.name for folder in tmp_path.iterdir()] == ["2-x"]


@apart
def test_what_does_not_exist_is_named(tmp_path: Path, fetcher: Fetcher) -> None:
    assert fetcher.version_of(NAME, "nobody") is None
    with pytest.raises(ConfigError, match=f"^models:/{NAME}/999: "):
        fetcher.fetch(f"models:/{NAME}/999", tmp_path / "999-x")
    assert list(tmp_path.iterdir()) == []


def test_one_process_answers_all_questions_and_ends_when_none_comes(
    serving_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = psutil.Process()
    before = set(ours.children())
    fetcher = Fetcher(serving_registry.uri, apart=True)
    for _ in range(2):
        assert fetcher.version_of(NAME, "nobody") is None
        (process,) = set(ours.children()) - before
    process.kill()  # as for want of memory, while it is idle
    monkeypatch.setattr(fetching, "_IDLE_S", 0.01)
    assert fetcher.version_of(NAME, "nobody") is None
    while set(ours.children()) - before:
        time.sleep(0.01)


@pytest.mark.parametrize("apart", [False, True])
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
    fetcher.close()


def test_what_is_asked_of_an_mlflow_that_keeps_silent_ends_with_the_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        fetcher = Fetcher(f"http://127.0.0.1:{silent.getsockname()[1]}", apart=True)
        asked = pool.submit(fetcher.version_of, NAME, "champion")
        caller, _ = silent.accept()
        with caller:
            fetcher.close()
            with pytest.raises(BackendError, match="exit code -9"):
                asked.result()
            with pytest.raises(BackendError, match="the server is stopping"):
                fetcher.version_of(NAME, "champion")
