"""What all routes share: the server behind them."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request

from airflow_mlops.serving.database import Database
from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.invocation import Invocations
from airflow_mlops.serving.ledger import Ledger
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


def server_of(request: Request) -> AppState:
    """Return what the routes of this application work with."""
    return cast(AppState, request.app.state.server)
