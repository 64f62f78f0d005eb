"""The target haproxy: the real HAProxy, two real model servers, real requests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.rollout.core import Phase
from airflow_mlops.rollout.targets.base import Target
from airflow_mlops.rollout.targets.haproxy.target import HaproxyTarget
from airflow_mlops.testing.targets import TargetContract
from tests.support import free_port
from tests.support.haproxy import CONFIGURATION, running_haproxy
from tests.support.places import HaproxyPlace, haproxy_place
from tests.support.rollout import Rollout, plan_for, promoted_rollout
from tests.support.server import ADMIN_TOKEN, NAME, ROW, TOKEN, TOKENS, Client, Registry, running_server

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def place(serving_registry: Registry, tmp_path: Path) -> Iterator[HaproxyPlace]:
    with haproxy_place(serving_registry, tmp_path) as place:
        yield place


@pytest.fixture
def target(place: HaproxyPlace) -> Iterator[HaproxyTarget]:
    target = place.target()
    yield target
    target.close()


@pytest.fixture
def uris(serving_registry: Registry) -> Mapping[int, str]:
    return {1: serving_registry.model_uri("champion"), 2: serving_registry.model_uri("good")}


class TestHaproxyTarget(TargetContract):
    @pytest.fixture(autouse=True)
    def _place(self, place: HaproxyPlace) -> None:
        self.place = place

    @pytest.fixture
    def uris(self, serving_registry: Registry) -> Mapping[int, str]:
        return {1: serving_registry.model_uri("champion"), 2: serving_registry.model_uri("good")}

    def answered(self, target: Target, requests: int) -> list[int]:
        return self.place.versions(requests)


def begin(target: Target, uris: Mapping[int, str], percent: int) -> int:
    """Version 1 serves, version 2 gets its percent; returns the epoch before."""
    must_load(target, 1, uris[1])
    target.finalize(1)
    must_load(target, 2, uris[2])
    since = target.observe(2, 1, None).epoch
    target.set_weight(2, 1, percent)
    return since


def must_load(target: Target, version: int, uri: str) -> None:
    """Load a version, however long it takes; a rejection is shown with its reason."""
    while (health := target.ensure(version, uri)).status == "loading":
        pass
    assert health.status == "ok", health.detail


def until(true: Callable[[], bool]) -> None:
    """Wait for something that HAProxy's checks or a lease will bring about."""
    for _ in range(6000):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen within two minutes")


def test_slots_swap_their_roles_with_every_promotion(
    place: HaproxyPlace, target: Target, uris: Mapping[int, str], serving_registry: Registry
) -> None:
    begin(target, uris, 100)
    target.finalize(2)
    assert place.answered_by(5) == {"2": 5}
    assert [list(s.get("/admin/state").json()["versions"]) for s in (place.a, place.b)] == [[], ["2"]]
    assert target.ensure(5, serving_registry.model_uri("odd")).status == "failed"
    target.finalize(2)
    assert target.ensure(1, uris[1]).status == "ok"
    target.set_weight(1, 2, 50)
    place.until_both_answered()
    assert list(place.a.get("/admin/state").json()["versions"]) == ["1"]


def test_a_lease_that_runs_out_takes_the_traffic_away_and_nobody_notices(
    place: HaproxyPlace, uris: Mapping[int, str]
) -> None:
    target = place.target(lease_s=0.5)
    begin(target, uris, 50)
    until(lambda: place.answered_by(4) == {"1": 4})
    until(lambda: target.current_weight(2) == 0)
    assert target.observe(2, 1, None).health.status == "ok"
    assert place.answered_by(20) == {"1": 20}
    target.set_weight(2, 1, 50)
    place.until_both_answered()
    target.close()


def test_haproxy_that_is_started_again_serves_the_champion_until_the_weight_is_set_again(
    place: HaproxyPlace, target: Target, uris: Mapping[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    since = begin(target, uris, 25)
    place.until_both_answered()
    [before] = target.observe(2, 1, since).epochs
    place.haproxy.kill()
    with pytest.raises(BackendError, match="no HAProxy answers"):
        target.current_weight(2)
    place.haproxy.start()
    assert (target.current_weight(2), target.current_weight(1)) == (0, 100)
    assert place.answered_by(10) == {"1": 10}
    assert target.observe(2, 1, since).epochs == ()
    target.set_weight(2, 1, 25)
    assert "has lost the split" in caplog.text
    answered = place.until_both_answered()
    [after] = target.observe(2, 1, since).epochs
    assert after.epoch > before.epoch
    assert {"2": after.canary.requests, "1": after.champion.requests} == answered


def test_a_version_that_was_taken_back_gets_nothing_when_haproxy_is_started_again(
    place: HaproxyPlace, target: Target, uris: Mapping[int, str]
) -> None:
    begin(target, uris, 50)
    target.set_weight(2, 1, 0)
    place.haproxy.kill()
    place.haproxy.start()
    assert place.answered_by(20) == {"1": 20}
    assert place.b.predict().status_code == 503


def test_two_fresh_servers_that_both_took_up_the_champion_become_two_slots(
    serving_registry: Registry, tmp_path: Path, uris: Mapping[int, str]
) -> None:
    serving_registry.set("champion", 1)
    try:
        with ExitStack() as stack:
            folders = (tmp_path / "a", tmp_path / "b")
            slots = [stack.enter_context(running_server(serving_registry, folder)) for folder in folders]
            for slot in slots:
                until(lambda slot=slot: slot.get("/admin/state").json()["champion"] == 1)
            urls = [str(slot.base_url) for slot in slots]
            place = HaproxyPlace(stack.enter_context(running_haproxy(free_port(), urls)), slots)
            target = place.target()
            assert (target.current_weight(1), place.answered_by(10)) == (100, {"1": 10})
            target.ensure(1, uris[1])
            target.ensure(2, uris[2])
            target.set_weight(2, 1, 20)
            place.until_both_answered()
            target.close()
            place.caller.close()
    finally:
        serving_registry.delete("champion")


def test_a_label_finds_the_server_that_answered(
    place: HaproxyPlace, target: Target, uris: Mapping[int, str]
) -> None:
    since = begin(target, uris, 50)
    answered = Counter[str]()
    for number in range(20):
        answer = place.caller.predict(**{"x-request-id": f"r{number}"})
        answered[answer.headers["x-model-version"]] += 1
        found = answer.json()["predictions"][0]
        label = {"request_id": f"r{number}", "label": 1 - found if number % 2 else found}
        assert place.caller.post("/labels", json=label).status_code == 200
    unknown = place.caller.post("/labels", json={"request_id": "nobody", "label": 1})
    assert unknown.status_code == 404
    [epoch] = target.observe(2, 1, since).epochs
    assert {"2": epoch.canary.labelled, "1": epoch.champion.labelled} == answered
    assert epoch.canary.wrong + epoch.champion.wrong == 10


@pytest.mark.parametrize(
    "path",
    [
        *("/admin/state", "/%61dmin/state", "/%2561dmin/state", "//admin/state", "/./admin/state"),
        *("/v2/../admin/state", "/v2/%2e%2e/admin/state", "/ADMIN/state", "/metrics", "/health/traffic"),
    ],
)
def test_callers_reach_no_path_but_their_own_however_it_is_written(
    place: HaproxyPlace, target: Target, uris: Mapping[int, str], path: str
) -> None:
    begin(target, uris, 50)
    for token in (TOKEN, ADMIN_TOKEN):
        assert status_of(place, f"GET {path} HTTP/1.1", token) == 403


def status_of(place: HaproxyPlace, line: str, token: str) -> int:
    """Return the status of a request whose first line is sent as it is."""
    url = place.caller.base_url
    with socket.create_connection((url.host, url.port), timeout=30) as connection:
        head = f"{line}\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        with connection.makefile("rb") as answer:
            return int(answer.readline().split()[1])


def test_callers_reach_their_own_paths(place: HaproxyPlace, target: Target, uris: Mapping[int, str]) -> None:
    begin(target, uris, 50)
    for path in ("/ping", "/v2", "/v2/health/ready", f"/v2/models/{NAME}", "/%70ing"):
        assert status_of(place, f"GET {path} HTTP/1.1", TOKEN) == 200


@pytest.mark.parametrize("line", ["balance roundrobin", "balance random"])
def test_a_configuration_that_does_not_draw_each_request_is_refused(
    place: HaproxyPlace, target: Target, uris: Mapping[int, str], line: str, tmp_path: Path
) -> None:
    begin(target, uris, 50)
    text = CONFIGURATION.read_text().replace("balance random(1)", line)
    drawn = ("http-request set-var(txn.draw)", "http-request set-var(txn.a)", "http-request set-var(txn.b)",
             "use-server", "backend model_drawn", "stick-table type string len 8")  # fmt: skip
    lines = [line for line in text.splitlines() if not line.strip().startswith(drawn)]
    file = tmp_path / "haproxy.cfg"
    file.write_text("\n".join(lines) + "\n")
    place.haproxy.kill()
    place.haproxy.start(file)
    with pytest.raises(ConfigError, match=r"not drawn at random.*docker/haproxy\.cfg"):
        target.observe(2, 1, None)
    assert place.answered_by(10) == {"1": 10}


def test_slow_answers_are_counted_against_a_limit_of_the_champion(
    place: HaproxyPlace, target: Target, uris: Mapping[int, str], serving_registry: Registry
) -> None:
    target.ensure(1, uris[1])
    target.finalize(1)
    place.answered_by(220)
    slow = serving_registry.kinds["slow"]
    target.ensure(slow, serving_registry.model_uri("slow"))
    since = target.observe(slow, 1, None).epoch
    target.set_weight(slow, 1, 20)
    answered = place.until_both_answered()
    seen = target.observe(slow, 1, since)
    [epoch] = seen.epochs
    assert (epoch.canary.timed, epoch.canary.slow) == (answered[str(slow)],) * 2
    assert epoch.champion.timed == answered["1"]
    assert seen.reference["latency_s"] < 1.5


def test_a_runtime_api_that_goes_in_mid_canary_leaves_the_champion_serving(
    place: HaproxyPlace, uris: Mapping[int, str]
) -> None:
    with closing(place.target(lease_s=0.5)) as target:
        begin(target, uris, 50)
        Path(place.haproxy.socket).unlink()
        with pytest.raises(BackendError, match="no HAProxy answers"):
            target.observe(2, 1, None)
        until(lambda: not any(place.b.get("/admin/state").json()["weights"].values()))
        until(lambda: place.answered_by(20) == {"1": 20})


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (b"", ConfigError, "name a backend of haproxy.cfg"),
        (b"220 mail ready\r\n", ConfigError, "220 mail ready"),
        (b"# name,size\na,1\n", ConfigError, "is not HAProxy"),
        (b"# pxname,svname,status,weight\nm,a,UP,x\n", ConfigError, "is not HAProxy"),
    ],
)
def test_another_program_at_the_place_of_the_runtime_api_is_told_apart(
    tmp_path: Path, answer: bytes, error: type[Exception], said: str
) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def other() -> None:
            with listener.accept()[0] as accepted:
                accepted.recv(4096)
                accepted.sendall(answer)

        thread = threading.Thread(target=other)
        thread.start()
        slots = {"a": "http://127.0.0.1:9", "b": "http://127.0.0.1:9"}
        target = HaproxyTarget("http://x", ADMIN_TOKEN, socket=path, slots=slots)
        with closing(target), pytest.raises(error, match=said):
            target.current_weight(1)
        thread.join()


def test_what_is_missing_is_named(place: HaproxyPlace, uris: Mapping[int, str]) -> None:
    slots = {"a": place.a.admin_url, "b": place.b.admin_url}
    good = {
        "base_url": place.haproxy.url,
        "token": ADMIN_TOKEN,
        "socket": place.haproxy.socket,
        "slots": slots,
    }
    for wrong, said in (
        ({"backend": "modle"}, "backend 'modle'.*name a backend of haproxy.cfg"),
        ({"backend": "model_labels"}, "lacks the server.*a_spare"),
        ({"slots": {"a": slots["a"]}}, "needs two slots"),
        ({"slots": {"a": slots["a"], "c": slots["b"]}}, "lacks the server.s. c, c_spare"),
    ):
        with pytest.raises(ConfigError, match=said):
            HaproxyTarget(**{**good, **wrong}).current_weight(1)
    silent = {**slots, "b": f"http://127.0.0.1:{free_port()}"}
    with pytest.raises(BackendError, match="no model server answers"):
        HaproxyTarget(**{**good, "slots": silent}).ensure(2, uris[2])


@pytest.fixture
def rollout(
    serving_registry: Registry, place: HaproxyPlace, target: Target, tmp_path: Path
) -> Iterator[Rollout]:
    with promoted_rollout(serving_registry, place.caller, target, tmp_path) as rollout:
        yield rollout


def test_a_good_canary_is_promoted_through_a_restart_of_haproxy(
    rollout: Rollout, serving_registry: Registry, place: HaproxyPlace
) -> None:
    def restart(number: int) -> None:
        if number == 1:
            place.haproxy.kill()
            place.haproxy.start()

    state = rollout.run(plan_for(serving_registry, "good", 1), restart)
    assert state.phase is Phase.PROMOTED
    assert [serving_registry.get(a) for a in ("champion", "previous", "challenger")] == [2, 1, None]
    assert set(rollout.answers) == {200}
    assert place.answered_by(10) == {"2": 10}
    assert len({epoch.epoch for epoch in state.epochs}) == len(state.epochs) >= 3


@pytest.mark.parametrize(("kind", "answer"), [("broken", 500), ("wider", 400)])
def test_a_bad_canary_is_rolled_back(
    rollout: Rollout, serving_registry: Registry, place: HaproxyPlace, kind: str, answer: int
) -> None:
    state = rollout.run(plan_for(serving_registry, kind, 1))
    assert state.phase is Phase.ROLLED_BACK, state.reason
    assert set(rollout.answers) == {200, answer}
    assert serving_registry.get("champion") == 1
    assert place.answered_by(10) == {"1": 10}
    assert place.b.get("/admin/state").json()["versions"] == {}


@contextmanager
def server_process(registry: Registry, state_dir: Path) -> Iterator[tuple[subprocess.Popen[bytes], Client]]:
    """Serve in a process that can be killed."""
    port, admin_port = free_port(), free_port()
    command = [sys.executable, "-m", "airflow_mlops.serving", "--name", NAME, "--port", str(port)]
    command += [
        "--tracking-uri",
        registry.uri,
        "--state-dir",
        str(state_dir),
        "--admin-port",
        str(admin_port),
    ]
    environment = {**os.environ, **TOKENS, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            url, admin_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin_port}"
            with Client(admin_url, base_url=url, headers=HEADERS, timeout=30) as client:
                until(lambda: _alive(client))
                yield process, client
        finally:
            process.kill()


def _alive(client: Client) -> bool:
    with suppress(httpx.HTTPError):
        return client.get("/ping").is_success
    return False


@contextmanager
def callers(url: str) -> Iterator[Counter[int]]:
    """Four callers at once, until the block ends; yields the answers by status."""
    ended, answers = threading.Event(), Counter[int]()

    def call() -> None:
        with httpx.Client(base_url=url, headers=HEADERS, timeout=20) as client:
            while not ended.wait(0.002):
                answer = client.post("/invocations", json={"dataframe_records": [ROW]})
                answers[answer.status_code] += 1

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)


@pytest.mark.parametrize("percent", [50, 100])
def test_no_caller_notices_that_the_server_of_a_canary_is_killed(
    serving_registry: Registry, tmp_path: Path, percent: int
) -> None:
    with (
        running_server(serving_registry, tmp_path / "a") as a,
        server_process(serving_registry, tmp_path / "b") as (process, b),
        running_haproxy(free_port(), [str(a.base_url), str(b.base_url)]) as haproxy,
    ):
        place = HaproxyPlace(haproxy, [a, b])
        target = place.target()
        uris = {1: serving_registry.model_uri("champion"), 2: serving_registry.model_uri("good")}
        begin(target, uris, percent)
        with callers(haproxy.url) as answers:
            until(lambda: answers[200] > 100)
            process.kill()
            until(lambda: target.observe(2, 1, None).health.status == "failed")
            so_far = answers[200]
            until(lambda: answers[200] > so_far + 100)
            died = target.observe(2, 1, None)
            assert target.ensure(2, uris[2]).status == "failed"
            target.set_weight(2, 1, 0)
        assert (set(answers), died.percent) == ({200}, 0)
        assert died.health.detail.startswith("the server of slot b died (HAProxy's check: L4CON")
        assert place.answered_by(10) == {"1": 10}
        target.finalize(1)
        target.close()
        place.caller.close()
