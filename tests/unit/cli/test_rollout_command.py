"""`airflow-mlops rollout`: where a rollout stands, and the way out, on a real server and MLflow."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_mlops.__main__ import main
from airflow_mlops.rollout.core import Phase, RolloutState
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.training.registry import Registry as RealRegistry
from tests.support import free_port
from tests.support.rollout import PIPELINE, champion_server, controller, plan_for
from tests.support.server import ADMIN_TOKEN, NAME, Client, Registry

ME = getpass.getuser()


@pytest.fixture(scope="module")
def server(serving_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with champion_server(serving_registry, tmp_path_factory.mktemp("rollout-command")) as server:
        yield server


@pytest.fixture
def folder(
    tmp_path: Path, server: Client, serving_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> Path:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "flights.yaml").write_text(PIPELINE)
    (tmp_path / "pipelines" / "faulty.yaml").write_text("name: faulty\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW__MLOPS__ROLLOUTS", str(tmp_path / "rollouts.db"))
    tracking = {"conn_type": "mlops_mlflow", "host": serving_registry.uri}
    monkeypatch.setenv("AIRFLOW_CONN_MLOPS_MLFLOW_DEFAULT", json.dumps(tracking))
    connect(monkeypatch, server.admin_url)
    return tmp_path


def connect(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    fields = {"conn_type": "mlops_serving", "host": url, "password": ADMIN_TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_SERVER", json.dumps(fields))


def in_step(folder: Path, server: Client, registry: Registry) -> RolloutState:
    """A rollout at 20 % whose controller is gone since 1970."""
    registry.set("challenger", registry.kinds["good"])
    driver = controller(server, RealRegistry(registry.uri, NAME), folder / "rollouts.db", clock=lambda: 60.0)
    state = driver.poll(driver.start(plan_for(registry, "good", 1)).id)
    assert state.label == "STEP 1/2 (20 %)"
    return state


def champion_serves(server: Client, registry: Registry) -> bool:
    state = server.get("/admin/state").json()
    return (state["champion"], state["weights"], registry.get("champion")) == (1, {}, 1)


def test_status_shows_phase_server_and_registry_and_abort_takes_it_back(
    folder: Path, server: Client, serving_registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    state = in_step(folder, server, serving_registry)
    assert main(["rollout", NAME, "status"]) == 0
    text = capsys.readouterr().out
    assert f"{NAME}  rollout {state.id}, running: version 2, over champion version 1" in text
    for words in (
        "STEP 1/2 (20 %) since 1970-01-01 00:01:00 UTC, by controller",
        "0 of 30 canary requests",
        "champion version 1, version 2 has 20 %, it is ok",
        "champion version 1, challenger version 2",
        "tolerance 10 %, as the file says",
        str(folder / "rollouts.db"),
    ):
        assert words in text
    assert main(["rollout", NAME, "status", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["rollout"]["phase"], document["server"]["percent"]) == ("STEP", 20)
    assert document["aliases"]["champion"] == 1
    assert main(["rollout", NAME, "abort"]) == 0
    assert f"ended ROLLED_BACK: aborted by {ME}" in capsys.readouterr().out
    assert champion_serves(server, serving_registry)
    assert main(["rollout", NAME, "abort"]) == 1
    ended = capsys.readouterr().err
    assert f"no rollout of {NAME} is running" in ended
    assert "ended ROLLED_BACK" in ended
    assert main(["rollout", NAME, "status"]) == 0
    assert ", ended: version 2" in capsys.readouterr().out


def test_a_server_that_is_gone_is_reported_and_force_ends_the_record(
    folder: Path,
    server: Client,
    serving_registry: Registry,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_step(folder, server, serving_registry)
    connect(monkeypatch, f"http://127.0.0.1:{free_port()}")
    assert main(["rollout", NAME, "status"]) == 3
    shown = capsys.readouterr()
    assert "STEP 1/2" in shown.out
    assert "no model server answers" in shown.err
    assert main(["rollout", NAME, "abort"]) == 3
    assert "ROLLING_BACK, and not over: no model server answers" in capsys.readouterr().err
    assert main(["rollout", NAME, "abort", "--force"]) == 0
    assert "in its record only; not done: no model server answers" in capsys.readouterr().out
    store = RolloutStore(folder / "rollouts.db")
    ended = store.latest(NAME)
    assert ended is not None
    assert (ended.phase, store.running(NAME)) == (Phase.ROLLED_BACK, None)
    connect(monkeypatch, server.admin_url)
    in_step_again = in_step_by_hand(folder, server, serving_registry)
    assert main(["rollout", NAME, "abort"]) == 0
    assert store.get(in_step_again.id)[0].phase is Phase.ROLLED_BACK
    assert champion_serves(server, serving_registry)


def in_step_by_hand(folder: Path, server: Client, registry: Registry) -> RolloutState:
    driver = controller(server, registry, folder / "rollouts.db")
    plan = replace(plan_for(registry, "good", 1), request="by hand")
    return driver.poll(driver.start(plan).id)


def test_resume_drives_a_rollout_whose_controller_died(
    folder: Path, server: Client, serving_registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    state = in_step(folder, server, serving_registry)
    driver = controller(server, serving_registry, folder / "rollouts.db", clock=lambda: 61.0)
    driver.decide(state.id, "pause", "ann")
    while server.get("/admin/counts").json()["epochs"][-1]["counts"].get("2", {}).get("requests", 0) < 200:
        server.predict()
    plan = replace(state.plan, hold_s=0)
    store = RolloutStore(folder / "rollouts.db")
    paused, revision = store.get(state.id)
    store.save(replace(paused, plan=replace(plan, steps=(20,))), revision)
    assert main(["rollout", NAME, "resume"]) == 0
    text = capsys.readouterr().out
    assert f"continued by {ME}" in text
    assert "PROMOTED" in text
    assert (serving_registry.get("champion"), serving_registry.get("previous")) == (2, 1)
    serving_registry.set("champion", 1)
    server.must_load(1, serving_registry.model_uri("champion"))
    assert server.traffic(1).status_code == 200


def test_resume_leaves_a_rollout_to_the_task_that_polls_it(
    folder: Path, server: Client, serving_registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    state = in_step_by_hand(folder, server, serving_registry)
    assert main(["rollout", NAME, "resume"]) == 0
    assert "its task polls it" in capsys.readouterr().out
    store = RolloutStore(folder / "rollouts.db")
    assert store.get(state.id)[0].phase is Phase.STEP
    assert main(["rollout", NAME, "abort"]) == 0


def test_abort_with_force_takes_the_traffic_over_from_another_store(
    folder: Path, server: Client, serving_registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    other = controller(server, serving_registry, folder / "other.db")
    plan = plan_for(serving_registry, "odd", 1)
    mine = RolloutStore(folder / "rollouts.db").create_or_get(plan, 1.0)
    serving_registry.set("challenger", serving_registry.kinds["good"])
    running = other.poll(other.start(plan_for(serving_registry, "good", 1)).id)
    assert running.phase is Phase.STEP
    assert main(["rollout", NAME, "abort", "--force"]) == 0
    assert f"rollout {mine.id} ended ROLLED_BACK" in capsys.readouterr().out
    assert champion_serves(server, serving_registry)
    assert other.restore(running.id, "enough", "ann").terminal


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nobody", "status"], 2, "no pipeline 'nobody' without faults in pipelines; there are: flights"),
        ([NAME, "status", "away"], 2, "away: no such file or folder"),
        ([NAME, "resume", "--force"], 2, "--force must be used with abort only"),
        ([NAME, "resume"], 1, f"no rollout of {NAME} is running in "),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    assert main(["rollout", *words]) == code
    assert message in capsys.readouterr().err


def test_a_pipeline_without_rollouts_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollout", NAME, "status"]) == 0
    assert capsys.readouterr().out.startswith(f"{NAME}  no rollout yet in {folder / 'rollouts.db'}")
