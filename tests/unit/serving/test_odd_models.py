"""Models whose code answers or fails in ways that nobody expects, and what else goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from airflow_mlops.serving.labels import is_wrong, predicted_class
from tests.support.pyfunc_models import PyfuncRegistry
from tests.support.server import NAME, Client, running_server

ODD = """
class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")
kind = int(a[0])
if kind == 2: return 0.5
if kind == 3: return 12345
if kind == 4: return {"low": [1.0], "high": [2.0]}
if kind == 5: return "late"
if kind == 6: return None
if kind == 7: raise StopIteration(7)
if kind == 8: raise Mute()
if kind == 9: raise ValueError("\\ud800")
return (a > 0).astype(int)
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> PyfuncRegistry:
    registry = PyfuncRegistry(tmp_path_factory.mktemp("odd"))
    registry.log(ODD)
    return registry


@pytest.fixture
def server(registry: PyfuncRegistry, tmp_path: Path) -> Iterator[Client]:
    with running_server(registry, tmp_path / "state") as client:  # type: ignore[arg-type]
        client.must_load(1, f"models:/{NAME}/1")
        client.traffic(1)
        yield client


def ask(server: Client, kind: int) -> httpx.Response:
    row = {"dataframe_split": {"columns": ["a"], "data": [[kind]]}}
    return server.post("/invocations", json=row, headers={"x-request-id": f"kind-{kind}"})


def label(server: Client, kind: int, value: object) -> httpx.Response:
    return server.post("/labels", json={"request_id": f"kind-{kind}", "label": value})


@pytest.mark.parametrize("kind", range(2, 7))
def test_an_answer_that_is_no_list_is_counted_and_logged_like_others(server: Client, kind: int) -> None:
    assert ask(server, kind).status_code == 200
    assert label(server, kind, 1).status_code in (200, 422)
    assert label(server, kind, [1, 2]).status_code in (200, 422)
    assert ask(server, 1).status_code == 200
    assert label(server, 1, 1).status_code == 200
    assert server.counts()["1"]["requests"] == 2


def test_one_value_for_a_request_is_compared_as_one_prediction() -> None:
    assert [predicted_class(text) for text in ("12345", '"late"', "0.5", '{"low": [1]}', "null")] == [
        "12345", '"late"', "#number", None, None,
    ]  # fmt: skip
    assert (is_wrong("12345", 234), is_wrong('"late"', "late"), is_wrong('{"low": [1]}', 1)) == (
        True, False, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "said"), [(7, "StopIteration(7)"), (8, "version 1 failed"), (9, "ValueError: ?")]
)
def test_an_error_is_answered_in_words_whatever_it_says(server: Client, kind: int, said: str) -> None:
    answer = ask(server, kind)
    assert (answer.status_code, said in answer.json()["error"]) == (500, True)
    assert server.counts()["1"]["failures"] == 1


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("code", "import sys; sys.exit(3)", "SystemExit: 3"),
        ("golden.json", "{", "JSONDecodeError"),
        (
            "golden.json",
            '{"columns": ["a"], "rows": [[1], [1]], "predictions": [1]}',
            "cannot be loaded: ValueError",
        ),
        (
            "golden.json",
            '{"columns": ["a"], "rows": [[2], [1]], "predictions": [1, 1]}',
            "gives 1 predictions",
        ),
    ],
)
def test_a_version_that_fails_in_an_odd_way_while_it_is_loaded_has_failed(
    registry: PyfuncRegistry, server: Client, file: str, text: str, said: str
) -> None:
    version = registry.log(ODD)
    (code,) = (registry.folder / "artifacts").rglob(f"model_{version - 1}.py")
    (code if file == "code" else code.parent / file).write_text(text)
    answer = server.load(version, f"models:/{NAME}/{version}")
    while answer.json().get("status") == "loading":
        answer = server.load(version, f"models:/{NAME}/{version}")
    assert answer.json()["status"] == "failed"
    assert said in answer.json()["detail"]
    assert ask(server, 1).json() == {"predictions": [1]}
