"""The OpenAPI document against a real server: what it promises is what is answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.server import ADMIN_TOKEN, NAME, ROW, TOKEN, Client, Registry, running_server

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
CALLERS = [
    ("POST", "/invocations"),
    ("POST", "/labels"),
    ("POST", "/v2/models/{name}/infer"),
    ("POST", "/v2/models/{name}/versions/{version}/infer"),
    ("GET", "/v2/models/{name}/versions/{version}"),
    ("GET", "/v2/models/{name}"),
    ("GET", "/v2"),
    ("GET", "/health"),
    ("GET", "/ping"),
    ("GET", "/version"),
    ("GET", "/metrics"),
]
ADMINISTRATORS = [
    ("GET", "/admin/state"),
    ("GET", "/admin/counts"),
    ("POST", "/admin/lease"),
    ("DELETE", "/admin/versions/{version}"),
    ("PUT", "/admin/traffic"),
]


@pytest.fixture(scope="module")
def server(serving_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running_server(serving_registry, tmp_path_factory.mktemp("openapi")) as client:
        client.must_load(1, serving_registry.model_uri("champion"))
        client.traffic(1)
        yield client


def test_the_document_is_valid_and_has_every_route(server: Client) -> None:
    document = server.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()
    assert document["paths"]["/v2/health/live"]["get"]["security"] == []
    paths = {(m.upper(), path) for path, methods in document["paths"].items() for m in methods}
    assert paths >= set(CALLERS)


@pytest.mark.parametrize(("method", "path"), [*CALLERS, *ADMINISTRATORS])
def test_answers_are_as_the_document_says(server: Client, method: str, path: str) -> None:
    administers = (method, path) in ADMINISTRATORS
    url, token = (server.admin_url, ADMIN_TOKEN) if administers else (str(server.base_url), TOKEN)
    headers = {"Authorization": f"Bearer {token}"}
    document = server.get(f"{url.rstrip('/')}/openapi.json", headers=headers).json()
    schema = schemathesis.openapi.from_dict(document)
    operation = schema[path][method]
    varies = operation.body or operation.path_parameters or operation.query
    for mode in [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if varies else [])]:

        @settings(
            max_examples=8, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            if "name" in case.path_parameters:
                case.path_parameters["name"] = NAME
            case.call_and_validate(base_url=url, headers=headers, checks=CHECKS)

        ask()


def test_a_request_that_the_document_describes_is_answered(server: Client) -> None:
    server.must_load(1, f"models:/{NAME}/1")  # orders of the tests above may have taken it away
    server.traffic(1)
    schema = schemathesis.openapi.from_dict(server.get("/openapi.json").json())
    case = schema["/invocations"]["POST"].Case(
        body={"dataframe_records": [ROW]}, media_type="application/json"
    )
    answer = case.call_and_validate(
        base_url=str(server.base_url), headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS
    )
    assert answer.json() == {"predictions": [1]}
