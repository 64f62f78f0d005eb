from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pytest

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.training.promotable import is_permanent
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import connect, task_run
from tests.support.mlflow_store import new_store
from tests.support.project import ENVIRONMENT


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return new_store(tmp_path)


def logged(uri: str, tmp_path: Path, key: str) -> str:
    """Return the run of a task that logged something to register."""
    with task_run(uri, "churn", key, str(tmp_path), {}) as run:
        run.json({"a": 1}, "model/MLmodel")
        return run.run_id


def registered(registry: Registry, tmp_path: Path, key: str) -> int:
    run_id = logged(registry.uri, tmp_path, key)
    source = registry.client.get_run(run_id).info.artifact_uri + "/model"
    return registry.register(source, run_id, {"why": key})


def test_a_model_that_nobody_registered_has_no_aliases_and_no_versions(uri: str) -> None:
    registry = Registry(uri, "churn")
    assert registry.get("champion") is None
    assert registry.versions() == ()
    registry.delete("champion")


def test_registering_again_finds_the_version_of_the_first_try(uri: str, tmp_path: Path) -> None:
    registry = Registry(uri, "churn")
    assert [registered(registry, tmp_path, key) for key in ("a", "a", "b")] == [1, 1, 2]


def test_aliases_move_and_go(uri: str, tmp_path: Path) -> None:
    registry = Registry(uri, "churn")
    for key in ("a", "b"):
        registered(registry, tmp_path, key)
    registry.set("champion", 1)
    registry.set("champion", 2)
    registry.set("challenger", 2)
    assert registry.get("champion") == 2
    assert registry.version(2).aliases == ("challenger", "champion")
    registry.delete("champion")
    registry.delete("champion")
    assert registry.get("champion") is None
    assert [item.version for item in registry.versions()] == [2, 1]


def test_tags_and_attachments_are_found_again(uri: str, tmp_path: Path) -> None:
    registry = Registry(uri, "churn")
    version = registered(registry, tmp_path, "a")
    registry.tag(version, {"mlops.rollout.outcome": "promoted"})
    registry.attach(version, "rollout/x.json", {"steps": [5, 25]})
    found = registry.version(version)
    assert found.tags == {"why": "a", "mlops.rollout.outcome": "promoted"}
    text = mlflow.artifacts.load_text(
        registry.client.get_run(found.run_id).info.artifact_uri + "/rollout/x.json"
    )
    assert json.loads(text) == {"steps": [5, 25]}


def test_a_task_has_one_run_however_many_tries(uri: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), task_run(uri, "churn", "d/o'r/t/0", str(tmp_path), {}) as first:
        raise RuntimeError
    client = connect(uri)
    assert client.get_run(first.run_id).info.status == "FAILED"
    with task_run(uri, "churn", "d/o'r/t/0", str(tmp_path), {"mlops.try": "2"}) as second:
        second.params({"depth": 3})
    with task_run(uri, "churn", "d/o'r/t/1", str(tmp_path), {}) as other:
        pass
    assert second.run_id == first.run_id != other.run_id
    found = client.get_run(first.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.tags["mlops.try"] == "2"
    assert found.info.artifact_uri.startswith(f"{tmp_path}/churn/mlflow/")


def test_parameters_of_a_second_try_may_differ(uri: str, tmp_path: Path) -> None:
    for depth in (3, 4):
        with task_run(uri, "churn", "k", str(tmp_path), {}) as run:
            run.params({"depth": depth})
    found = connect(uri).get_run(run.run_id).data
    assert found.params == {"depth": "3"}
    assert found.tags["mlops.retried.depth"] == "4"


RACE = """
import sys
from airflow_mlops.training.tracking import task_run
from airflow_mlops.training.promotable import is_permanent
from airflow_mlops.training.registry import Registry
with task_run(sys.argv[1], "churn", sys.argv[3], sys.argv[2], {}) as run:
    run.json({}, "model/MLmodel")
source = run.client.get_run(run.run_id).info.artifact_uri + "/model"
print(Registry(sys.argv[1], "churn").register(source, run.run_id, {}))
"""


def test_two_tasks_may_create_store_experiment_and_model_at_once(uri: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACE, uri, str(tmp_path)]
    started = [
        subprocess.Popen(
            [*command, key], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        for key in "ab"
    ]
    ended = [(process, *process.communicate(timeout=120)) for process in started]
    assert [process.returncode for process, _, _ in ended] == [0, 0], "\n".join(err for _, _, err in ended)
    assert sorted(out.split()[-1] for _, out, _ in ended) == ["1", "2"]


def test_nobody_at_the_address_is_one_line_with_the_next_step() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(BackendError, match=f"MLflow at {uri} does not answer .*start it") as caught:
            Registry(uri, "churn")
    assert "\n" not in str(caught.value)
    assert caught.value.retryable


def test_an_unknown_host_is_one_line() -> None:
    with pytest.raises(BackendError, match="does not answer"):
        Registry("http://mlflow.invalid:5000", "churn")


@pytest.mark.parametrize("place", ["a_file/mlflow.db", "a_folder", "a_file"])
def test_a_path_that_cannot_be_a_database_is_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "a_file").write_text("not a database")
    (tmp_path / "a_folder").mkdir()
    with pytest.raises(BackendError, match="MLflow at sqlite:"):
        Registry(f"sqlite:///{tmp_path}/{place}", "churn")


def test_a_uri_of_an_unknown_kind_is_a_config_error() -> None:
    with pytest.raises((ConfigError, BackendError), match="ftp://"):
        Registry("ftp://somewhere", "churn").get("champion")


def test_a_version_that_can_become_champion_leaves_no_trace_of_the_check(uri: str, tmp_path: Path) -> None:
    registry = Registry(uri, "churn")
    version = registered(registry, tmp_path, "a")
    registry.check(version)
    assert registry.version(version).aliases == ()
    assert registry.digest(version) == registry.version(version).model_uri
    registry.tag(version, {"mlops.model_digest": "abc"})
    assert (registry.digest(version), registry.digest(9)) == ("abc", "")


def test_a_version_that_cannot_become_champion_is_told_for_good(uri: str, tmp_path: Path) -> None:
    registry = Registry(uri, "churn")
    for key in ("a", "b"):
        registered(registry, tmp_path, key)
    folder = registry.client.get_run(registry.version(1).run_id).info.artifact_uri.removeprefix("file://")
    shutil.rmtree(Path(folder, "model"))
    with pytest.raises(ConfigError, match=r"files of version 1 of churn .* cannot be read"):
        registry.check(1)
    registry.client.delete_model_version("churn", "2")
    with pytest.raises(ConfigError, match="not found"):
        registry.check(2)
    with pytest.raises(ConfigError, match="not found"):
        registry.set("champion", 2)


class _Answer(Exception):
    def __init__(self, response: object) -> None:
        super().__init__("answered")
        self.response = response


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (FileNotFoundError("x"), True),
        (PermissionError("x"), True),
        (OSError("No such file or directory: 'MLmodel'"), True),
        (ConnectionRefusedError("x"), False),
        (TimeoutError("x"), False),
        (OSError(28, "disk full"), False),
        (_Answer(SimpleNamespace(status_code=404)), True),
        (_Answer(SimpleNamespace(status_code=503)), False),
        (_Answer({"ResponseMetadata": {"HTTPStatusCode": 403}}), True),
        (_Answer({"ResponseMetadata": {"HTTPStatusCode": 500}}), False),
    ],
)
def test_not_there_and_forbidden_are_for_good_and_silence_is_not(error: Exception, permanent: bool) -> None:
    assert is_permanent(error) is permanent
    wrapped = RuntimeError("downloading failed")
    wrapped.__cause__ = error
    assert is_permanent(wrapped) is permanent
