"""MLflow's own scoring server and the model server, asked alike."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.pyfunc import load_model, scoring_server
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from starlette.testclient import TestClient

from tests.support.mlflow_payloads import CASES, Case, log_models
from tests.support.mlflow_store import new_store
from tests.support.server import NAME, TOKEN, Client, running_server
from tools.mlflow_differences import DIFFERENCES

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's app warns about what it does itself


@dataclass(frozen=True)
class Both:
    """The two servers, by model; ours has one address and another champion for each."""

    theirs: dict[str, TestClient]
    ours: Client
    versions: dict[str, int]

    def ask(self, case: Case) -> tuple[Any, Any]:
        """Return the answers of MLflow and of ours."""
        state = self.ours.get("/admin/state").json()
        if state["champion"] != self.versions[case.model]:
            assert self.ours.traffic(self.versions[case.model]).status_code == 200
        headers = {**dict(case.headers), **({"Content-Type": case.type} if case.type else {})}
        sent = {"content": case.content, "headers": headers}
        return self.theirs[case.model].post("/invocations", **sent), self.ours.post("/invocations", **sent)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("parity")
    registry = type("Store", (), {"uri": new_store(folder)})
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(registry.uri)
    try:
        place = (folder / "artifacts").as_uri()
        versions = log_models(folder, NAME, mlflow.create_experiment("parity", artifact_location=place))
        theirs = {
            kind: TestClient(
                scoring_server.init(load_model(f"models:/{NAME}/{version}")), raise_server_exceptions=False
            )
            for kind, version in versions.items()
        }
        with running_server(registry, folder / "state") as ours:  # type: ignore[arg-type]
            for version in versions.values():
                ours.must_load(version, f"models:/{NAME}/{version}")
            yield Both(theirs, ours, versions)
    finally:
        mlflow.set_tracking_uri(before)


def is_alike(theirs: Any, ours: Any) -> bool:
    """Whether two answers have the same kind of status, and the same predictions."""
    if theirs.status_code // 100 != ours.status_code // 100:
        return False
    return theirs.status_code != 200 or theirs.json() == ours.json()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.model}-{case.content[:60]!r}")
def test_both_answer_alike_or_as_the_table_says(both: Both, case: Case) -> None:
    theirs, ours = both.ask(case)
    shown = f"MLflow: {theirs.status_code} {theirs.text[:300]}\nhere: {ours.status_code} {ours.text[:300]}"
    assert is_alike(theirs, ours) is not bool(case.difference), shown
    assert ours.status_code in (200, 400, 415), shown
    if ours.status_code != 200:
        assert len(ours.json()["error"]) > 10
        assert not any(both.ours.counts().get(str(v), {}).get("failures") for v in both.versions.values())


def test_at_least_sixty_requests_and_each_difference_is_one_of_them() -> None:
    assert len(CASES) >= 60
    asked_elsewhere = {"csv gaps", "parquet", "no type", "compressed"}
    assert {case.difference for case in CASES if case.difference} | asked_elsewhere == set(DIFFERENCES)


def test_a_gap_in_a_column_of_flags_is_null(both: Both) -> None:
    case = Case("columns", "x,n,s,t,b\n1.5,3,k,2024-02-29,\n", type="text/csv")
    theirs, ours = both.ask(case)
    assert theirs.status_code == 400
    assert "b=gap" in ours.json()["predictions"][0]


def test_parquet_is_refused(both: Both) -> None:
    body = io.BytesIO()
    pd.DataFrame({"x": [1.5]}).to_parquet(body)
    theirs, ours = both.ask(Case("one", body.getvalue(), type="application/vnd.apache.parquet"))
    assert (theirs.status_code, ours.status_code) == (200, 415)
    assert "text/csv" in ours.json()["error"]


def test_a_body_without_a_type_is_json(both: Both) -> None:
    case = Case("one", {"inputs": [1.0]}, type=None)
    theirs, ours = both.ask(case)
    assert (theirs.status_code, ours.status_code) == (500, 200)


def test_a_compressed_body_is_read_within_the_limit(both: Both) -> None:
    def compressed(content: bytes, coding: str = "gzip") -> tuple[Any, Any]:
        return both.ask(Case("one", content, headers=(("Content-Encoding", coding),)))

    theirs, ours = compressed(gzip.compress(b'{"inputs": [1.0]}'))
    assert (theirs.status_code, ours.status_code) == (400, 200)
    for content, coding, status, words in (
        (b"no gzip", "gzip", 400, "decompressed"),
        (gzip.compress(b'{"inputs": [1.0]}')[:-4], "gzip", 400, "incomplete"),
        (gzip.compress(b" " * 9_000_000), "gzip", 413, "larger"),
        (b"x", "br", 415, "gzip"),
    ):
        answer = compressed(content, coding)[1]
        assert (answer.status_code, words in answer.json()["error"]) == (status, True)


def test_mlflows_client_gives_the_token_in_the_address(both: Both) -> None:
    assert both.ours.traffic(both.versions["one"]).status_code == 200
    client = ScoringServerClient(f"anybody:{TOKEN}@127.0.0.1", both.ours.base_url.port)
    client.wait_server_ready()
    assert client.get_version() == mlflow.__version__
    answer = client.invoke(pd.DataFrame({"x": [1.0, 2.0]}), params={"shape": "frame"}).get_predictions()
    assert answer.to_dict("list") == {"low": [1, 2], "high": [1.5, 2.5]}
