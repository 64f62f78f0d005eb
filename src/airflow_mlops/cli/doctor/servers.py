"""Calls the servers that pipelines need: MLflow by a real request, the model server with its token."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from packaging.version import InvalidVersion, Version

from airflow_mlops.cli.doctor.databases import first_value, missing_file, shown
from airflow_mlops.cli.doctor.finding import Finding, Status, failed, ok, warning
from airflow_mlops.cli.doctor.lookup import Place
from airflow_mlops.cli.doctor.needs import DATABASE, MLFLOW, ROLLOUTS, SERVER
from airflow_mlops.cli.doctor.probes import LIMIT_S, Probe
from airflow_mlops.cli.doctor.storage import check_rollout_database
from airflow_mlops.cli.doctor.versions import installed
from airflow_mlops.rollout import targets
from airflow_mlops.rollout.targets.base import TargetCheck
from airflow_mlops.rollout.targets.model_server_probe import check_clock

_CALL_S: Final = LIMIT_S - 0.5  # a call says why before the whole check is given up
_DENIED: Final = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_DATABASES: Final = ("sqlite", "postgresql", "mysql", "mssql")


def probe(place: Place) -> Probe:
    """Return the check of the server or database that a connection leads to."""
    purpose, conn_id = place.need.purpose, place.need.conn_id
    if purpose == ROLLOUTS:
        look = partial(check_rollout_database, place.url, place.password)
        return Probe("rollouts", look, f"airflow connections get {conn_id}")
    checks = {MLFLOW: look_at_mlflow, SERVER: look_at_target, DATABASE: look_at_database}
    fix = f"check that {place.url} is right and its server runs"
    return Probe(f"{purpose} {conn_id}", partial(checks[purpose], place), fix)


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


def look_at_target(place: Place) -> list[Finding]:
    """Return what the deployment target of a connection finds where it leads."""
    connection = place.options["connection"]
    checks = targets.facts(place.need.target).probe(connection, place.need.pipelines, _CALL_S)
    return [_finding(check, place.need.conn_id) for check in checks]


def look_at_database(place: Place) -> list[Finding]:
    """Connect to the database that rows come from; reads and writes nothing."""
    from airflow_mlops.data.sources.query_reading import check_answers

    address = check_answers(place.options["engine"], place.need.conn_id)
    return [ok(f"database {place.need.conn_id}", f"{address} answers")]


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


def check_mlflow_database(check: str, url: str) -> Finding:
    """Read one row of the experiments where MLflow is a database."""
    address = shown(url)
    if file := missing_file(url):
        return _mlflow_folder(check, file.parent, f"{file} is made by the first run")
    exists, _ = first_value(url, "experiments", "name")
    if not exists:
        return warning(check, f"{address} has no tables of MLflow yet", f"mlflow db upgrade {address}")
    return ok(check, f"{address} answers")


def _mlflow_server(check: str, place: Place) -> list[Finding]:
    with _client(place) as client:
        before = time.time()
        try:
            answer = client.get("api/2.0/mlflow/experiments/search", params={"max_results": 1})
            after = time.time()
            version = _version_text(client.get("version"))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            text = f"no MLflow answers at {place.url} ({type(error).__name__})"
            return [failed(check, text, f"{_start(place.url)}, or correct the connection")]
    clock = [_finding(found, place.need.conn_id) for found in check_clock(answer.headers, before, after)]
    return [check_mlflow_answer(check, place.url, answer, version), *clock]


def _finding(check: TargetCheck, conn_id: str) -> Finding:
    name = f"{check.subject} {conn_id} {check.part}".strip()
    return Finding(name, Status(check.status), check.message, check.fix)


def _start(url: str) -> str:
    parts = urlsplit(url)
    return f"mlflow server --host {parts.hostname} --port {parts.port or 80}"


def _mlflow_folder(check: str, folder: Path, text: str = "") -> Finding:
    if folder.is_dir() and os.access(folder, os.W_OK):
        return ok(check, text or f"{folder} can be written")
    return failed(check, f"{folder} is no folder that can be written", f"mkdir -p {folder}")


def _client(place: Place) -> httpx.Client:
    headers = {"Authorization": f"Bearer {place.token}"} if place.token and not place.user else {}
    insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
    return httpx.Client(
        base_url=place.url,
        headers=headers,
        auth=(place.user, place.password) if place.user else None,
        timeout=_CALL_S,
        verify=not insecure,
        follow_redirects=True,
    )


def _version_text(answer: httpx.Response) -> str:
    text = answer.text.strip() if answer.is_success else ""
    return text if len(text) < 30 else ""


def _older(first: str, second: str) -> bool:
    try:
        return Version(first).release[:2] < Version(second).release[:2]
    except InvalidVersion:
        return False
