"""Checks of one model server for ``doctor``: health, token, model, version and clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

import httpx

from airflow_mlops.core.version import VERSION
from airflow_mlops.rollout.targets.base import TargetCheck

_SUBJECT: Final = "model server"
_SKEW_S: Final = 5.0
_DENIED: Final = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


@dataclass(frozen=True)
class Caller:
    """Who asks a model server: the connection, its token, the pipelines that deploy there.

    ``timeout_s`` limits one call, in seconds.
    """

    conn_id: str
    token: str = field(repr=False)
    pipelines: tuple[str, ...]
    timeout_s: float


def probe_server(url: str, caller: Caller, slot: str = "") -> Iterator[TargetCheck]:
    """Yield the state of the model server at ``url`` and its clock; ``slot`` is its name behind a proxy."""
    headers = {"Authorization": f"Bearer {caller.token}"}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=caller.timeout_s) as client:
            client.get("/v2/health/live").raise_for_status()
            before = time.time()
            answer = client.get("/admin/state")
            after = time.time()
            version = str(_json(client.get("/v2")).get("version", ""))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        name = caller.pipelines[0] if caller.pipelines else "MODEL"
        fix = (
            f"AIRFLOW_MLOPS_ADMIN_TOKEN=… airflow-mlops serve --name {name} --tracking-uri URI "
            "--state-dir FOLDER"
        )
        text = f"no model server answers at {url} ({type(error).__name__})"
        yield TargetCheck(subject=_SUBJECT, part=slot, status="failed", message=text, fix=fix)
        return
    yield check_state(url, answer, version, caller, slot)
    yield from check_clock(answer.headers, before, after, slot)


def check_state(
    url: str, answer: httpx.Response, version: str, caller: Caller, slot: str = ""
) -> TargetCheck:
    """Judge a model server's answer to ``/admin/state``: token, model, champion, package version."""
    found = partial(TargetCheck, subject=_SUBJECT, part=slot)
    if answer.status_code in _DENIED:
        fix = f"put the server's AIRFLOW_MLOPS_ADMIN_TOKEN as password into {caller.conn_id}"
        why = str(_json(answer).get("error", ""))
        text = f"{url} answers, but refuses the token" + (f" ({why})" if why else "")
        return found(status="failed", message=text, fix=fix)
    state = _json(answer)
    if answer.status_code == httpx.codes.NOT_FOUND and "error" in state:
        fix = f"put the server's administrators' address (its --admin-port) as host into {caller.conn_id}"
        return found(status="failed", message=f"{url} is for callers, not for administrators", fix=fix)
    if "champion" not in state:
        text = f"{url} answers {answer.status_code}: is this a model server?"
        return found(status="failed", message=text, fix=f"curl -i {url}")
    others = sorted(set(caller.pipelines) - {state.get("name")})
    if others:
        text = f"{url} serves {state.get('name')}, and {', '.join(others)} wants it too"
        fix = "give each pipeline a server and a deploy.conn_id of its own"
        return found(status="failed", message=text, fix=fix)
    known = f"{url} takes the token and serves {state['name']}"
    if not any(item.get("status") == "ok" for item in state.get("versions", {}).values()):
        if slot:
            return found(status="ok", message=f"{known}, a free slot")
        text = f"{known}, no version is loaded: fine before the first deploy"
        return found(status="warning", message=text, fix=f"airflow dags trigger {state['name']}__train")
    if version and version != VERSION:
        text = f"{known}, but runs airflow-mlops {version} and this is {VERSION}"
        fix = "install the same version there and start the server again"
        return found(status="warning", message=text, fix=fix)
    champion = state["champion"]
    who = "no champion" if champion is None else f"champion is version {champion}"
    return found(status="ok", message=f"{known}, {who}")


def check_clock(headers: Mapping[str, str], before: float, after: float, slot: str = "") -> list[TargetCheck]:
    """Compare a server's clock (its Date header, in whole seconds) with ours around the call, in seconds."""
    try:
        there = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return []
    found = partial(TargetCheck, subject="clock", part=slot)
    apart = max(there - after, before - (there + 1), 0.0)
    if apart <= _SKEW_S:
        return [found(status="ok", message=f"within {_SKEW_S:g} s of this machine")]
    where = "ahead of" if there > after else "behind"
    text = f"the server is {apart:.0f} s {where} this machine (more than {_SKEW_S:g} s)"
    return [found(status="warning", message=text, fix="timedatectl set-ntp true, on both machines")]


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
