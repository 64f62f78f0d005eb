"""What all routes share: the server behind them and the bodies that they read."""

from __future__ import annotations

import json
from typing import Any, cast

from starlette.requests import Request

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.database import Database
from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.invocation import Invocations
from airflow_mlops.serving.ledger import Ledger
from airflow_mlops.serving.request_body import read_body
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.state_view import StateView
from airflow_mlops.serving.sticky import StickyKey


class AppState:
    """What the routes work with; ``leaving`` while another process takes over this one's callers."""

    def __init__(self, settings: Settings, database: Database, view: StateView) -> None:
        self.settings = settings
        self.database = database
        self.view = view
        self.fleet = Fleet(settings, view)
        self.ledger = Ledger(database, view)
        self.leaving = False
        self.invocations = Invocations(
            self.fleet,
            self.ledger,
            settings.timeout_s,
            sticky=None if settings.sticky is None else StickyKey.parse(settings.sticky),
        )

    @property
    def workers(self) -> int:
        """The number of processes that answer callers."""
        return len(self.view.peers)


class UnknownModelError(Exception):
    """A model that this server does not serve."""


def server_of(request: Request) -> AppState:
    """Return what the routes of this application work with."""
    return cast(AppState, request.app.state.server)


async def body_of(request: Request) -> bytes:
    """Return the body; raises BodyTooLargeError beyond the limit and SlowBodyError beyond its time."""
    settings = server_of(request).settings
    return await read_body(
        dict(request.scope["headers"]), request.receive, settings.max_body, settings.read_s
    )


async def json_of(request: Request) -> Any:
    """Return the body as JSON; raises ConfigError for anything else."""
    try:
        return json.loads(await body_of(request) or b"{}")
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the body is not JSON: {error}") from error
