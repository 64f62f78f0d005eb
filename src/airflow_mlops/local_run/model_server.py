"""The embedded model server inside this process, on a loopback port of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from airflow_mlops import process_environment
from airflow_mlops.core.errors import BackendError
from airflow_mlops.serving import Settings

_HOST: Final = "127.0.0.1"
_START_S: Final = 30.0
_STOP_S: Final = 15.0


@dataclass(frozen=True)
class Address:
    """Where the server listens for callers and for administrators, and the token of each."""

    base_url: str
    token: str = field(repr=False)
    admin_url: str
    admin_token: str = field(repr=False)


@contextmanager
def model_server(name: str, tracking_uri: str, folder: Path) -> Iterator[Address]:
    """Serve the registered model ``name`` while it lasts; its state in ``folder`` begins and ends empty.

    State of an earlier server is not used: the rollout's own record decides which versions get traffic.
    Raises BackendError when it does not start.
    """
    import uvicorn

    from airflow_mlops.serving.app import create_app
    from airflow_mlops.serving.connections import KEEP_ALIVE_S

    shutil.rmtree(folder, ignore_errors=True)
    token, admin_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    settings = Settings(
        name=name, tracking_uri=tracking_uri, token=token, admin_token=admin_token, state_dir=folder
    )
    with _no_proxy(), socket.create_server((_HOST, 0)) as listener, socket.create_server((_HOST, 0)) as admin:
        app = create_app(settings)
        app.admin_port = admin.getsockname()[1]
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=5,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener, admin],), daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            here = f"http://{_HOST}:{listener.getsockname()[1]}"
            yield Address(here, token, f"http://{_HOST}:{app.admin_port}", admin_token)
        finally:
            server.should_exit = True
            thread.join(_STOP_S)
            shutil.rmtree(folder, ignore_errors=True)


def _no_proxy() -> AbstractContextManager[None]:
    """Keep calls to this machine away from a proxy that the environment names."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    hosts = ",".join(filter(None, (known, _HOST)))
    return process_environment.changed({"no_proxy": hosts, "NO_PROXY": hosts})


def _wait_until_started(server: object, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_S
    while not getattr(server, "started", False):
        if not thread.is_alive() or time.monotonic() > deadline:
            raise BackendError(f"the model server did not start within {_START_S:g} s: see the run's log")
        time.sleep(0.02)
