"""The trigger of a rollout outlives a server that is away for a while, and says so when it stays away."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.triggers.base import TriggerEvent

from airflow_mlops.hooks.rollouts import rollouts_place
from airflow_mlops.rollout.core import RolloutPlan
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.triggers.rollout import RolloutTrigger
from tests.support.airflow import DEPLOY, connection, free_port, project, run


def trigger(store: Path, plan: RolloutPlan, conn_id: str, **options: Any) -> RolloutTrigger:
    state = RolloutStore(store).create_or_get(plan, time.time())
    arguments = {"rollout_id": state.id, "store": str(store), "target": "local", "conn_id": conn_id}
    return RolloutTrigger(**arguments, **{"poll_seconds": 0.05, **options})


def first_event(watching: RolloutTrigger) -> dict[str, Any]:
    async def wait() -> TriggerEvent:
        return await anext(watching.run())

    payload: dict[str, Any] = asyncio.run(asyncio.wait_for(wait(), 30)).payload
    return payload


def test_a_trigger_survives_its_way_through_the_database() -> None:
    made = RolloutTrigger(
        rollout_id="a-1", store="/s.db", target="local", conn_id="c", poll_seconds=0.5, patience=4
    )
    path, arguments = made.serialize()
    assert path == "airflow_mlops.triggers.rollout.RolloutTrigger"
    again = RolloutTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    assert arguments["patience"] == 4


class Away(BaseHTTPRequestHandler):
    """Answers 503 until it has been asked often enough; the looks are counted."""

    looks = 0
    back_after = 3

    def do_GET(self) -> None:
        type(self).looks += 1
        if self.looks <= self.back_after:
            self._answer(503, {"error": "starting"})
        else:
            state = {"status": "ok", "champion": 1, "weights": {}, "epoch": 1, "generation": 1, "epochs": []}
            self._answer(200, {**state, "versions": {"1": {"status": "ok"}}})

    do_PUT = do_GET  # noqa: N815 - named by http.server

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def away() -> Iterator[str]:
    Away.looks = 0
    with HTTPServer(("127.0.0.1", 0), Away) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        patch = connection("away_server", f"http://127.0.0.1:{server.server_port}")
        yield "away_server"
        patch.undo()
        server.shutdown()
        thread.join()


def test_a_server_that_comes_back_in_time_is_waited_for(tmp_path: Path, away: str) -> None:
    plan = RolloutPlan(name="away", model_version=1, model_uri="models:/away/1")
    event = first_event(trigger(tmp_path / "r.db", plan, away, patience=Away.back_after + 1))
    assert "error" not in event, event
    assert event["phase"] == "PROMOTING"
    assert Away.looks > Away.back_after


def test_a_server_that_stays_away_ends_the_wait_and_may_be_tried_again(tmp_path: Path, away: str) -> None:
    plan = RolloutPlan(name="away", model_version=1, model_uri="models:/away/1")
    event = first_event(trigger(tmp_path / "r.db", plan, away, patience=Away.back_after))
    assert event["retryable"] is True
    assert "answered 503: starting" in event["error"]
    assert Away.looks == Away.back_after


def deployed(folder: Path, name: str, **conf: Any) -> Any:
    dags = project(
        folder,
        name=name,
        retries=1,
        deploy={"canary": {**DEPLOY["canary"], "poll": "0.05s"}, "conn_id": f"{name}_server"},
    )
    assert run(dags["train"]).state == "success"
    return run(dags["deploy"], **conf)


def test_a_server_that_is_down_is_tried_again_and_told(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    patch = connection("server_down_server", address)
    ran = deployed(tmp_path, "server_down")
    patch.undo()
    assert ran.state == "failed"
    assert ran.tries("rollout") == 2
    assert type(ran.errors["rollout"][-1]) is AirflowException
    assert ran.error("rollout").startswith(f"no model server answers at {address} (ConnectError: ")
    assert len(ran.error("rollout").splitlines()) == 1
    assert ran.tasks["finalize"] == "failed"


def test_a_wrong_token_fails_at_once(tmp_path: Path) -> None:
    class Refusing(Away):
        def do_GET(self) -> None:
            self._answer(401, {"error": "no"})

        do_PUT = do_GET  # noqa: N815 - named by http.server

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        patch = connection("wrong_token_server", f"127.0.0.1:{server.server_port}", token="old")
        try:
            ran = deployed(tmp_path, "wrong_token")
        finally:
            patch.undo()
            server.shutdown()
            thread.join()
    [error] = ran.errors["rollout"]
    assert isinstance(error, AirflowFailException)
    assert "refuses the token: put the server's AIRFLOW_MLOPS_ADMIN_TOKEN as password" in str(error)
    assert len(str(error).splitlines()) == 1


def test_a_missing_connection_says_which_to_add(tmp_path: Path) -> None:
    ran = deployed(tmp_path, "no_conn")
    [error] = ran.errors["rollout"]
    assert isinstance(error, AirflowFailException)
    assert str(error) == (
        "no Airflow connection 'no_conn_server': add one of type mlops_serving with the server's "
        "administrators' address as host and their token as password"
    )
    assert RolloutStore(rollouts_place()).latest("no_conn") is None
