"""What all routes share: the server behind them, bodies, request ids, headers."""

from __future__ import annotations

import json
import random
import re
from typing import Any, Final, cast

from starlette.requests import Request

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.database import Database
from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.invocation import Answer, Invocations
from airflow_mlops.serving.ledger import Ledger
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.sticky import StickyKey

_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")


class Server:
    """What the routes work with."""

    def __init__(self, settings: Settings, database: Database, fleet: Fleet, ledger: Ledger) -> None:
        self.settings = settings
        self.database = database
        self.fleet = fleet
        self.ledger = ledger
        self.invocations = Invocations(
            fleet,
            ledger,
            settings.timeout_s,
            sticky=None if settings.sticky is None else StickyKey.parse(settings.sticky),
        )


class BodyTooLargeError(Exception):
    """A body beyond the limit."""


class UnknownModelError(Exception):
    """A model that this server does not serve."""


def server_of(request: Request) -> Server:
    """Return what the routes of this application work with."""
    return cast(Server, request.app.state.server)


async def body_of(request: Request) -> bytes:
    """Return the body; raises BodyTooLargeError beyond the limit."""
    limit = server_of(request).settings.max_body
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError(f"the body is larger than {limit} bytes: send fewer rows")
        chunks.append(chunk)
    return b"".join(chunks)


async def json_of(request: Request) -> Any:
    """Return the body as JSON; raises ConfigError for anything else."""
    try:
        return json.loads(await body_of(request) or b"{}")
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the body is not JSON: {error}") from error


def request_id_of(request: Request) -> str:
    """Return the caller's request id, or a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


def headers_of(answer: Answer, request_id: str) -> dict[str, str]:
    """Return the headers of an answer: who answered, and whether in place of another version."""
    headers = {"x-request-id": request_id}
    if answer.version is not None:
        headers["x-model-version"] = str(answer.version)
    if answer.fallback:
        headers["x-fallback"] = "1"
    if answer.status == 503:
        headers["retry-after"] = "1"
    return headers
