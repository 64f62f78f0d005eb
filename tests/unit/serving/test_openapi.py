"""The OpenAPI document against a real server: what it promises is what is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
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
    ("PUT", "/admin/versions/{version}"),
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


def address_of(server: Client, path: str) -> tuple[str, dict[str, str]]:
    """Return the address and the headers for a path: administrators have their own port and token."""
    is_admin = path.startswith("/admin/")
    base = server.admin_url if is_admin else str(server.base_url)
    return base, {"Authorization": f"Bearer {ADMIN_TOKEN if is_admin else TOKEN}"}


def test_a_request_that_the_document_describes_is_answered(server: Client) -> None:
    base, headers = address_of(server, "/invocations")
    schema = schemathesis.openapi.from_dict(server.get("/openapi.json").json())
    body: Any = {"dataframe_records": [ROW]}
    case = schema["/invocations"]["POST"].Case(body=body, media_type="application/json")
    assert case.call_and_validate(base_url=base, headers=headers, checks=CHECKS).json() == {
        "predictions": [1]
    }


@pytest.mark.parametrize(("method", "path"), [*CALLERS, *ADMINISTRATORS])
def test_answers_are_as_the_document_says(server: Client, method: str, path: str) -> None:
    base, headers = address_of(server, path)
    schema = schemathesis.openapi.from_dict(httpx.get(f"{base}/openapi.json", headers=headers).json())
    operation = schema[path][method]
    varies = operation.body or operation.path_parameters or operation.query
    answered: list[int] = []
    for mode in [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if varies else [])]:

        @settings(
            max_examples=6, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case[Any]) -> None:
            if "name" in case.path_parameters:
                case.path_parameters["name"] = NAME
            answer = case.call_and_validate(base_url=base, headers=headers, checks=CHECKS)
            answered.append(answer.status_code)

        ask()
    assert answered
    assert all(status < 500 or status == 503 for status in answered)
