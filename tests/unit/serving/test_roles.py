"""Who may do what: tokens of callers, of labellers and of administrators, on two ports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving import Settings
from airflow_mlops.serving.settings import parser
from tests.support.server import ADMIN_TOKEN, NAME, ROW, TOKEN, Client, Registry, running_server

LABEL_TOKEN, OLD_TOKEN = "token-of-labellers", "token-of-last-year"
ORDERS: list[tuple[str, str, Any]] = [
    ("GET", "/admin/state", None),
    ("GET", "/admin/counts", None),
    ("PUT", "/admin/versions/2", {"model_uri": f"models:/{NAME}/2"}),
    ("DELETE", "/admin/versions/1", None),
    ("PUT", "/admin/traffic", {"champion": None, "weights": {}, "generation": 10**6, "lease_s": None}),
    ("POST", "/admin/lease", {"lease_s": 60}),
]


def settings(folder: Path, **fields: Any) -> Settings:
    return Settings(name=NAME, tracking_uri="unused", state_dir=folder, **fields)


@pytest.fixture(scope="module")
def server(serving_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    tokens = {"token": f"{TOKEN}, {OLD_TOKEN}", "label_token": LABEL_TOKEN}
    with running_server(serving_registry, tmp_path_factory.mktemp("roles"), **tokens) as client:
        client.must_load(1, serving_registry.model_uri("champion"))
        assert client.traffic(1).status_code == 200
        yield client


def ask(url: str, token: str, method: str, path: str, body: Any = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.request(method, f"{url}{path}", json=body, headers=headers, timeout=60, trust_env=False)


def predict(url: str, token: str) -> httpx.Response:
    return ask(url, token, "POST", "/invocations", {"dataframe_records": [ROW]})


def test_old_and_new_tokens_predict_while_they_are_changed(server: Client) -> None:
    url = str(server.base_url)
    assert [predict(url, token).status_code for token in (TOKEN, OLD_TOKEN)] == [200, 200]
    assert [predict(url, token).status_code for token in ("", "nearly", f"{TOKEN}, {OLD_TOKEN}")] == [401] * 3


@pytest.mark.parametrize(("method", "path", "body"), ORDERS)
def test_only_administrators_administer_and_only_on_their_port(
    server: Client, method: str, path: str, body: Any
) -> None:
    before = server.get("/admin/state").json()
    callers, admin = str(server.base_url), server.admin_url
    assert [ask(callers, token, method, path, body).status_code for token in ("", TOKEN, ADMIN_TOKEN)] == [
        401, 404, 404,
    ]  # fmt: skip
    for token, status in (("", 401), ("nearly", 401), (TOKEN, 403), (LABEL_TOKEN, 403)):
        assert ask(admin, token, method, path, body).status_code == status
    assert server.get("/admin/state").json() == before


def test_a_token_at_the_wrong_place_is_told_so(server: Client) -> None:
    callers, admin = str(server.base_url), server.admin_url
    told = ask(admin, TOKEN, "GET", "/admin/state").json()["error"]
    assert "versions and traffic need the server's AIRFLOW_MLOPS_ADMIN_TOKEN" in told
    assert "the port of --admin-port" in ask(callers, TOKEN, "GET", "/admin/state").json()["error"]
    told = predict(callers, ADMIN_TOKEN)
    assert (told.status_code, "AIRFLOW_MLOPS_SERVING_TOKEN" in told.json()["error"]) == (403, True)
    assert predict(admin, ADMIN_TOKEN).status_code == 404


def test_labels_have_a_token_of_their_own_if_there_is_one(server: Client) -> None:
    url = str(server.base_url)
    request_id = predict(url, TOKEN).headers["x-request-id"]
    body = {"request_id": request_id, "label": 1}
    found = {token: ask(url, token, "POST", "/labels", body).status_code for token in (TOKEN, ADMIN_TOKEN)}
    assert found == {TOKEN: 403, ADMIN_TOKEN: 403}
    assert ask(url, LABEL_TOKEN, "POST", "/labels", body).status_code == 200
    assert predict(url, LABEL_TOKEN).status_code == 403


def test_figures_are_for_callers_and_administrators_on_either_port(server: Client) -> None:
    for url in (str(server.base_url), server.admin_url):
        statuses = [
            ask(url, token, "GET", "/metrics").status_code for token in (TOKEN, ADMIN_TOKEN, "nearly")
        ]
        assert statuses == [200, 200, 401]


def test_a_load_balancer_asks_without_a_token_who_may_answer(
    serving_registry: Registry, tmp_path: Path
) -> None:
    def found(client: Client) -> list[tuple[int, Any]]:
        answers = [
            ask(str(client.base_url), "", "GET", f"/health/{what}") for what in ("champion", "traffic")
        ]
        return [(answer.status_code, answer.json()) for answer in answers]

    with running_server(serving_registry, tmp_path) as client:
        assert found(client) == [(503, {"champion": False}), (503, {"traffic": False})]
        client.must_load(1, serving_registry.model_uri("champion"))
        client.traffic(None, {1: 30})
        assert found(client) == [(503, {"champion": False}), (200, {"traffic": True})]
        client.traffic(1)
        assert found(client) == [(200, {"champion": True}), (200, {"traffic": True})]


def test_callers_on_this_machine_need_no_token_if_the_server_is_opened(
    serving_registry: Registry, tmp_path: Path
) -> None:
    with running_server(serving_registry, tmp_path, token="", open_loopback=True) as client:
        client.must_load(1, serving_registry.model_uri("champion"))
        client.traffic(1)
        url = str(client.base_url)
        assert [predict(url, token).status_code for token in ("", "any")] == [200, 200]
        assert ask(url, "", "POST", "/labels", {"request_id": "r", "label": 1}).status_code == 401
        assert ask(client.admin_url, "", "GET", "/admin/state").status_code == 401


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "needs a token: set AIRFLOW_MLOPS_SERVING_TOKEN"),
        ({"token": " , "}, "needs a token: set AIRFLOW_MLOPS_SERVING_TOKEN"),
        ({"token": "a b", "admin_token": "b"}, "AIRFLOW_MLOPS_ADMIN_TOKEN must differ"),
        ({"token": "a", "label_token": "b", "admin_token": "b"}, "AIRFLOW_MLOPS_ADMIN_TOKEN must differ"),
        ({"open_loopback": True, "host": "0.0.0.0"}, "--open-loopback must not be used with --host 0.0.0.0"),
        ({"open_loopback": True, "host": "models"}, "--open-loopback must not be used"),
        ({"token": "a", "max_connections": 0}, "--max-connections must be at least 1"),
        ({"token": "a", "tls_cert": Path("c.pem")}, "--tls-cert and --tls-key must both be given"),
        ({"token": "a", "admin_token": "b", "port": 9, "admin_port": 9}, "--admin-port must differ from"),
    ],
)
def test_settings_that_would_leave_a_door_open_are_refused(
    tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, **fields).tokens  # noqa: B018 - its checks
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "port"),
    [({}, None), ({"admin_token": "b"}, 5002), ({"admin_token": "b", "port": 0}, 0),
     ({"admin_token": "b", "admin_port": 7000}, 7000), ({"admin_token": "b", "port": 65_535}, 0)],
)  # fmt: skip
def test_administrators_have_the_next_port_and_none_without_a_token(
    tmp_path: Path, fields: dict[str, Any], port: int | None
) -> None:
    assert settings(tmp_path, token="a", **fields).admin_listens_on == port


def test_the_help_names_the_tokens_and_ports() -> None:
    text = parser().format_help()
    for word in ("AIRFLOW_MLOPS_SERVING_TOKEN", "AIRFLOW_MLOPS_LABEL_TOKEN", "AIRFLOW_MLOPS_ADMIN_TOKEN"):
        assert word in text
    assert "--admin-port" in text


@pytest.mark.parametrize(
    "uri",
    [
        f"models:/{NAME}/2",  # of another version than the path's
        f"models:/{NAME}@champion",
        f"models:/{NAME}/latest",
        "models:/other/1",
        "models:/m-0123456789abcdef",
        "http://127.0.0.1:9/model",
        "runs:/0123456789abcdef/model",
    ],
)
def test_only_a_version_of_the_served_model_is_loaded(server: Client, uri: str) -> None:
    answer = server.load(1, uri)
    assert answer.status_code == 422
    assert f"model_uri must be models:/{NAME}/1 for version 1" in answer.json()["error"]


def test_a_folder_is_neither_read_nor_run(server: Client, serving_registry: Registry, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = tmp_path / "model.py"
    code.write_text(
        "import mlflow\nclass M(mlflow.pyfunc.PythonModel):\n    def predict(self, context, model_input):\n"
        f"        return model_input\nmlflow.models.set_model(M())\nopen({str(mark)!r}, 'w').close()\n"
    )
    import mlflow

    mlflow.pyfunc.save_model(tmp_path / "saved", python_model=str(code), pip_requirements=["numpy"])
    mark.unlink(missing_ok=True)
    for uri in (str(tmp_path / "saved"), (tmp_path / "saved").as_uri()):
        assert server.load(99, uri).status_code == 422
    assert not mark.exists()
    assert "99" not in server.get("/admin/state").json()["versions"]
