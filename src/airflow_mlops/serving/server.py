"""The command behind ``serve``: the port, the state folder, exit codes."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from typing import Final

from filelock import FileLock, Timeout

from airflow_mlops.core.errors import BackendError
from airflow_mlops.serving.database import Database
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.supervisor import Supervisor
from airflow_mlops.serving.worker_config import LOG_FORMAT

PORT_REFUSED: Final = 3


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain; returns the exit code.

    Raises BackendError when the state folder cannot be used or another server uses it.
    """
    try:
        listener = _listen(settings.host, settings.port)
    except (OSError, OverflowError) as error:
        print(  # noqa: T201 - this is the command's own output
            f"error: cannot listen on {settings.host}:{settings.port}: {error}. "
            "Stop what uses the port or choose another --port",
            file=sys.stderr,
        )
        return PORT_REFUSED
    with listener:
        database = Database(settings.database, settings.log_limits)
        try:
            with FileLock(settings.state_dir / "server.lock", blocking=False):
                logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
                return asyncio.run(Supervisor(settings, listener, database).run())
        except Timeout:
            raise BackendError(
                f"state of the model server {settings.state_dir}: another server uses it. Stop that one or "
                "give another --state-dir"
            ) from None


def _listen(host: str, port: int) -> socket.socket:
    ipv6 = ":" in host
    return socket.create_server(
        (host, port),
        family=socket.AF_INET6 if ipv6 else socket.AF_INET,
        backlog=2048,
        dualstack_ipv6=ipv6 and socket.has_dualstack_ipv6(),
    )
