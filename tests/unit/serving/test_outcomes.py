"""What counts as an answer of a version, and what its callers get when it is none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_mlops.serving import warm_up
from tests.support.pyfunc_models import PyfuncRegistry
from tests.support.server import NAME, Client, running_server
from tests.support.server_process import running_process

SIGN = "return (a > 0).astype(int)"
ROW = {"dataframe_split": {"columns": ["a"], "data": [[1.0]]}}
INFER = {"inputs": [{"name": "a", "shape": [1], "datatype": "FP64", "data": [1.0]}]}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> PyfuncRegistry:
    return PyfuncRegistry(tmp_path_factory.mktemp("pyfunc"))


@pytest.fixture
def server(registry: PyfuncRegistry, tmp_path: Path) -> Iterator[Client]:
    with running_server(registry, tmp_path / "state") as client:
        yield client


@pytest.fixture
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a version that never answers up after a moment while it is warmed up, not after twenty seconds."""
    monkeypatch.setattr(warm_up, "LONGEST_S", 0.2)


def with_split(server: Client, champion: int, canary: int, percent: int = 100) -> None:
    for version in (champion, canary):
        server.must_load(version, f"models:/{NAME}/{version}")
    assert server.traffic(champion, {canary: percent}).status_code == 200


def ask(server: Client, body: Any = ROW, **headers: str) -> httpx.Response:
    return server.post("/invocations", json=body, headers=headers)


def answered_by_champion(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.headers.get("x-fallback")) == (200, "1")


def test_a_canary_has_the_whole_time_though_the_champion_begins_at_half_of_it(
    registry: PyfuncRegistry, tmp_path: Path
) -> None:
    begun = tmp_path / "the champion was asked"
    champion = registry.log(f"open({str(begun)!r}, 'w').close()\nreturn [1]")
    # The canary answers once the champion was asked, and thereby after half of the time.
    canary = registry.log(
        f"while not os.path.exists({str(begun)!r}):\n    threading.Event().wait(0.01)\nreturn [2]"
    )
    with running_server(registry, tmp_path / "state", timeout_s=6.0) as server:
        with_split(server, champion, canary)
        begun.unlink()  # Both were asked while they were warmed up.
        answer = ask(server)
        assert (answer.status_code, answer.json()) == (200, {"predictions": [2]})
        assert begun.exists()
        assert "x-fallback" not in answer.headers
        assert server.counts() == {str(canary): {"requests": 1, "failures": 0}}


def test_the_champion_answers_for_a_canary_that_never_does(
    registry: PyfuncRegistry, tmp_path: Path, short_warm_up: None
) -> None:
    champion, canary = registry.log(SIGN), registry.log("threading.Event().wait()")
    with running_server(registry, tmp_path / "state", timeout_s=4.0) as server:
        with_split(server, champion, canary)
        with ThreadPoolExecutor(24) as pool:  # More than the model has threads.
            answers = list(pool.map(lambda _: ask(server), range(24)))
        assert all(map(answered_by_champion, answers))
        assert server.counts()[str(canary)] == {"requests": 24, "failures": 24}
        assert server.traffic(champion).status_code == 200
        assert ask(server).headers["x-model-version"] == str(champion)


def test_a_canary_none_of_whose_predictions_returns_is_failed_and_has_no_traffic(
    registry: PyfuncRegistry, tmp_path: Path, short_warm_up: None
) -> None:
    champion, canary = registry.log(SIGN), registry.log("threading.Event().wait()")
    with running_server(registry, tmp_path / "state", timeout_s=1.0) as server:
        with_split(server, champion, canary)
        while server.get("/admin/state").json()["weights"] != {str(canary): 0}:
            with ThreadPoolExecutor(24) as pool:
                list(pool.map(lambda _: ask(server), range(24)))
        state = server.get("/admin/state").json()["versions"][str(canary)]
        assert (state["status"], "8 threads are blocked" in state["detail"]) == ("failed", True)
        assert ask(server).headers["x-model-version"] == str(champion)


def test_a_champion_that_is_blocked_gets_a_new_worker(registry: PyfuncRegistry, tmp_path: Path) -> None:
    champion = registry.log("if a[0] > 9:\n    threading.Event().wait()\nreturn [1]")
    endless = {"dataframe_split": {"columns": ["a"], "data": [[10.0]]}}
    with running_process(registry, tmp_path / "state", "--timeout", "0.5") as server:
        server.must_load(champion, f"models:/{NAME}/{champion}")
        assert server.traffic(champion).status_code == 200
        [before] = server.workers
        with contextlib.suppress(httpx.TransportError):  # The last of them meets the end of the worker.
            while before in server.workers:
                assert ask(server, endless).status_code == 504
        server.await_workers(before, 1)
        assert ask(server).json() == {"predictions": [1]}


@pytest.mark.parametrize(
    "body",
    [
        "return [object()]",
        "return [1j]",
        "return ['\\ud800']",
        "loop = []\nloop.append(loop)\nreturn [{'p': loop}]",
        "sys.exit(3)",
        "raise KeyboardInterrupt",
        "raise TimeoutError('the feature store')",
    ],
)
def test_an_answer_that_cannot_be_handed_over_is_the_versions_failure(
    server: Client, registry: PyfuncRegistry, body: str
) -> None:
    champion, canary = registry.log(SIGN), registry.log(body)
    with_split(server, champion, canary)
    assert answered_by_champion(ask(server))
    infer = server.post(f"/v2/models/{NAME}/infer", json=INFER)
    assert answered_by_champion(infer)
    assert infer.json()["outputs"][0]["data"] == [1]
    assert server.counts()[str(canary)] == {"requests": 2, "failures": 2}
    assert server.traffic(canary).status_code == 200
    for answer in (ask(server), server.post(f"/v2/models/{NAME}/infer", json=INFER)):
        assert answer.status_code == 500
        assert f"version {canary} failed: " in answer.json()["error"]


def test_values_of_numpy_and_pandas_are_answered(server: Client, registry: PyfuncRegistry) -> None:
    version = registry.log(
        "return [{'p': np.float32(0.5), 'at': pd.Timestamp('2024-02-29'), 'none': pd.NaT, 'n': np.int64(3), "
        "'nan': np.float64('nan'), 'many': np.array([1, 2])}]"
    )
    server.must_load(version, f"models:/{NAME}/{version}")
    assert server.traffic(version).status_code == 200
    expected = {"p": 0.5, "at": "2024-02-29T00:00:00", "none": None, "n": 3, "nan": None, "many": [1, 2]}
    assert ask(server).json() == {"predictions": [expected]}


def test_a_model_that_forks_and_prints_answers_once(server: Client, registry: PyfuncRegistry) -> None:
    version = registry.log("print('x' * 100_000)\npid = os.fork()\npid and os.waitpid(pid, 0)\nreturn [7]")
    server.must_load(version, f"models:/{NAME}/{version}")
    assert server.traffic(version).status_code == 200
    assert [ask(server).json() for _ in range(3)] == [{"predictions": [7]}] * 3


def test_where_no_signature_says_what_a_request_must_be_both_versions_are_asked(
    server: Client, registry: PyfuncRegistry
) -> None:
    fails = "if float(a.ravel()[0]) < 0: raise ValueError('below zero')\n"
    champion = registry.log(f"{fails}return [1]", signed=False)
    canary = registry.log(
        f"{fails}if float(a.ravel()[0]) > 9: raise ValueError('too much')\nreturn [2]", signed=False
    )
    with_split(server, champion, canary, 50)

    def answers(value: float, count: int) -> set[int]:
        body = {"dataframe_split": {"columns": ["a"], "data": [[value]]}}
        return {ask(server, body).status_code for _ in range(count)}

    assert answers(-1.0, 40) == {400}
    assert "no version takes this request" in ask(server, {"instances": [[-1.0]]}).json()["error"]
    assert server.counts() == {}
    assert answers(10.0, 40) == {200}
    counted = server.counts()
    assert counted[str(champion)]["failures"] == 0
    assert counted[str(canary)]["failures"] == counted[str(canary)]["requests"] > 0


def test_fallbacks_are_counted_with_what_came_of_them(server: Client, registry: PyfuncRegistry) -> None:
    champion = registry.log("if a[0] < 0: raise KeyError('k')\nreturn [1]")
    canary = registry.log("raise ValueError('v')")
    with_split(server, champion, canary)
    for value in (1.0, -1.0, 1.0):
        ask(server, {"dataframe_split": {"columns": ["a"], "data": [[value]]}})
    [*_, epoch] = server.get("/admin/counts").json()["epochs"]
    assert set(epoch["counts"]) == {str(canary)}
    expected = {"requests": 3, "failures": 3, "fallbacks": 2, "fallback_failures": 1}
    assert expected.items() <= epoch["counts"][str(canary)].items()


def test_with_sticky_callers_every_request_is_counted_beside_the_first_of_each(
    registry: PyfuncRegistry, tmp_path: Path
) -> None:
    champion, canary = registry.log(SIGN), registry.log("if a[0] > 9: raise ValueError('v')\nreturn [1]")
    with running_server(registry, tmp_path / "state", sticky="header:x-user") as server:
        with_split(server, champion, canary)
        assert ask(server, **{"x-user": "u"}).status_code == 200
        heavy = {"dataframe_split": {"columns": ["a"], "data": [[10.0]]}}
        assert all(answered_by_champion(ask(server, heavy, **{"x-user": "u"})) for _ in range(5))
        [*_, epoch] = server.get("/admin/counts").json()["epochs"]
        assert epoch["counts"][str(canary)] == {
            "requests": 1, "failures": 0, "all_requests": 6, "all_failures": 5, "fallbacks": 5,
        }  # fmt: skip
