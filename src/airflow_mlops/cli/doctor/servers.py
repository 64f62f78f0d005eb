"""Calls the servers that pipelines need: MLflow by a real request, the model server with its token."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from packaging.version import InvalidVersion, Version

from airflow_mlops.cli.doctor.finding import Finding, failed, ok, warning
from airflow_mlops.cli.doctor.lookup import Place
from airflow_mlops.cli.doctor.needs import HAPROXY
from airflow_mlops.cli.doctor.side_by_side import LIMIT_S
from airflow_mlops.cli.doctor.versions import PACKAGE, installed

_SKEW_S: Final = 5.0
_CALL_S: Final = LIMIT_S - 0.5  # a call says why before the whole check is given up
_DENIED: Final = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_DATABASES: Final = ("sqlite", "postgresql", "mysql", "mssql")


def look_at_mlflow(place: Place) -> list[Finding]:
    """Make one cheap request where the pipelines find MLflow; makes and changes nothing."""
    check, scheme = f"mlflow {place.need.conn_id}", urlsplit(place.url).scheme
    if scheme in ("http", "https"):
        return _mlflow_server(check, place)
    if scheme.partition("+")[0] in _DATABASES:
        return [check_mlflow_database(check, place.url)]
    if scheme in ("", "file") and place.url != "databricks":
        return [_mlflow_folder(check, Path(place.url.removeprefix("file://")).expanduser())]
    return [warning(check, f"{place.url}: not checked by this command", "open it in a browser")]


def look_at_haproxy(place: Place) -> list[Finding]:
    """Ask HAProxy's runtime API for what a rollout needs of it, and each slot as a model server."""
    from airflow_mlops.rollout.targets.haproxy.target import HaproxyTarget

    options = {**place.options, "base_url": place.url, "token": place.token, "timeout_s": _CALL_S}
    with closing(HaproxyTarget(**options)) as target:
        target.current_weight(0)
    slots: Mapping[str, str] = place.options["slots"]
    text = f"{place.options['socket']} answers and has the slots {', '.join(sorted(slots))}"
    found = [ok(f"haproxy {place.need.conn_id}", text)]
    for slot, url in slots.items():
        found += look_at_model_server(replace(place, url=url), f" {slot}")
    return found


def look_at_database(place: Place) -> list[Finding]:
    """Connect to the database that rows come from; reads and writes nothing."""
    from airflow_mlops.data.sources.sql import check_answers

    address = check_answers(place.options["engine"], place.need.conn_id)
    return [ok(f"database {place.need.conn_id}", f"{address} answers")]


def look_at_model_server(place: Place, slot: str = "") -> list[Finding]:
    """Ask a model server for its health, whether it takes the token, and which model it serves."""
    check = f"model server {place.need.conn_id}{slot}"
    start = f"airflow-mlops serve --name {place.need.pipelines[0]} --tracking-uri URI --state-dir FOLDER"
    with _client(place.url, token=place.token) as client:
        try:
            client.get("/v2/health/live").raise_for_status()
            before = time.time()
            answer = client.get("/admin/state")
            after = time.time()
            version = _version(client.get("/v2"))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return [failed(check, f"no model server answers at {place.url} ({type(error).__name__})", start)]
    skew = check_clock(f"clock {place.need.conn_id}{slot}", answer.headers, before, after)
    return [check_state(check, place, answer, version), *skew]


def check_state(check: str, place: Place, answer: httpx.Response, version: str) -> Finding:
    """Judge what a model server says of itself: token, model, champion, version."""
    if answer.status_code in _DENIED:
        fix = f"put the server's AIRFLOW_MLOPS_SERVING_TOKEN as password into {place.need.conn_id}"
        return failed(check, f"{place.url} answers, but refuses the token", fix)
    state = _json(answer)
    if "champion" not in state:
        return failed(
            check, f"{place.url} answers {answer.status_code}: is this a model server?", "curl -i URL"
        )
    others = sorted(set(place.need.pipelines) - {state.get("name")})
    if others:
        text = f"{place.url} serves {state.get('name')}, and {', '.join(others)} wants it too"
        return failed(check, text, "give each pipeline a server and a deploy.conn_id of its own")
    known = f"{place.url} takes the token and serves {state['name']}"
    if not any(slot.get("status") == "ok" for slot in state.get("versions", {}).values()):
        if place.need.purpose == HAPROXY:
            return ok(check, f"{known}, a free slot")
        text = f"{known}, no version is loaded: fine before the first deploy"
        return warning(check, text, f"airflow dags trigger {state['name']}__train")
    own = installed(PACKAGE)
    if own and version and version != own:
        text = f"{known}, but runs airflow-mlops {version} and this is {own}"
        return warning(check, text, "install the same version there and start the server again")
    champion = state["champion"]
    return ok(check, f"{known}, {'no champion' if champion is None else f'champion is version {champion}'}")


def check_mlflow_answer(check: str, url: str, answer: httpx.Response, version: str) -> Finding:
    """Judge MLflow's answer to a search for experiments, and its version against the client's."""
    if answer.status_code in _DENIED:
        fix = "put user and password, or a token as password, into the connection"
        return failed(check, f"{url} refuses the log-in ({answer.status_code})", fix)
    if answer.is_error:
        return failed(
            check, f"{url} answers {answer.status_code}: is this an MLflow server?", f"curl -i {url}"
        )
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return failed(check, f"{url} answers, but not as MLflow does", f"curl -i {url}")
    own = installed("mlflow")
    if own and _older(version, own):
        text = f"{url} runs MLflow {version}, older than the {own} here"
        return warning(check, text, f"pip install 'mlflow>={own}', where the server runs")
    return ok(check, f"{url} answers{f', MLflow {version}' if version else ''}")


def check_clock(check: str, headers: Mapping[str, str], before: float, after: float) -> list[Finding]:
    """Compare a server's clock (its Date header, in whole seconds) with ours around the call, in seconds."""
    try:
        there = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return []
    ahead = max(there - after, before - (there + 1), 0.0)
    if ahead > _SKEW_S:
        where = "ahead of" if there > after else "behind"
        text = f"the server is {ahead:.0f} s {where} this machine (more than {_SKEW_S:g} s)"
        return [warning(check, text, "timedatectl set-ntp true, on both machines")]
    return [ok(check, f"within {_SKEW_S:g} s of this machine")]


def check_mlflow_database(check: str, url: str) -> Finding:
    """Read one row of the experiments where MLflow is a database."""
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.engine import make_url

    address = make_url(url)
    shown = address.render_as_string(hide_password=True)
    if address.get_backend_name() == "sqlite" and address.database:
        file = Path(address.database)
        if not file.is_file():
            return _mlflow_folder(check, file.parent, f"{file} is made by the first run")
    engine = create_engine(address)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("experiments"):
                return warning(check, f"{shown} has no tables of MLflow yet", f"mlflow db upgrade {shown}")
            connection.execute(text("SELECT name FROM experiments")).first()
    finally:
        engine.dispose()
    return ok(check, f"{shown} answers")


def _mlflow_server(check: str, place: Place) -> list[Finding]:
    with _client(place.url, place.user, place.password, place.token) as client:
        before = time.time()
        try:
            answer = client.get("api/2.0/mlflow/experiments/search", params={"max_results": 1})
            after = time.time()
            version = _version_text(client.get("version"))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            text = f"no MLflow answers at {place.url} ({type(error).__name__})"
            return [failed(check, text, f"{_start(place.url)}, or correct the connection")]
    skew = check_clock(f"clock {place.need.conn_id}", answer.headers, before, after)
    return [check_mlflow_answer(check, place.url, answer, version), *skew]


def _start(url: str) -> str:
    parts = urlsplit(url)
    return f"mlflow server --host {parts.hostname} --port {parts.port or 80}"


def _mlflow_folder(check: str, folder: Path, text: str = "") -> Finding:
    if folder.is_dir() and os.access(folder, os.W_OK):
        return ok(check, text or f"{folder} can be written")
    return failed(check, f"{folder} is no folder that can be written", f"mkdir -p {folder}")


def _client(url: str, user: str = "", password: str = "", token: str = "") -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token and not user else {}
    insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
    return httpx.Client(
        base_url=url,
        headers=headers,
        auth=(user, password) if user else None,
        timeout=_CALL_S,
        verify=not insecure,
        follow_redirects=True,
    )


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _version(answer: httpx.Response) -> str:
    return str(_json(answer).get("version", ""))


def _version_text(answer: httpx.Response) -> str:
    text = answer.text.strip() if answer.is_success else ""
    return text if len(text) < 30 else ""


def _older(first: str, second: str) -> bool:
    try:
        return Version(first).release[:2] < Version(second).release[:2]
    except InvalidVersion:
        return False
