"""The command behind ``serve``: the ports, the state folder, exit codes."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from contextlib import ExitStack
from typing import Final

from filelock import FileLock, Timeout

from airflow_mlops.core.errors import BackendError
from airflow_mlops.serving.database import Database
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.supervisor import Supervisor
from airflow_mlops.serving.tls import tls_context
from airflow_mlops.serving.worker_config import LOG_FORMAT

PORT_REFUSED: Final = 3


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain; returns the exit code.

    Raises BackendError when the state folder cannot be used or another server uses it, ConfigError when the
    certificate cannot be read.
    """
    tls_context(settings)
    with ExitStack() as stack:
        listener = _listen(settings.host, settings.port, "--port")
        if listener is None:
            return PORT_REFUSED
        stack.enter_context(listener)
        admin = None
        if settings.admin_listens_on is not None:
            admin = _listen(settings.admin_host, settings.admin_listens_on, "--admin-port")
            if admin is None:
                return PORT_REFUSED
            stack.enter_context(admin)
        database = Database(settings.database, settings.log_limits)
        try:
            with FileLock(settings.state_dir / "server.lock", blocking=False):
                logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
                return asyncio.run(Supervisor(settings, listener, admin, database).run())
        except Timeout:
            raise BackendError(
                f"state of the model server {settings.state_dir}: another server uses it. Stop that one or "
                "give another --state-dir"
            ) from None


def _listen(host: str, port: int, option: str) -> socket.socket | None:
    """Return a socket that listens, or None after saying why there is none."""
    ipv6 = ":" in host
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ipv6 else socket.AF_INET,
            backlog=2048,
            dualstack_ipv6=ipv6 and socket.has_dualstack_ipv6(),
        )
    except (OSError, OverflowError) as error:
        print(  # noqa: T201 - this is the command's own output
            f"error: cannot listen on {host}:{port}: {error}. "
            f"Stop what uses the port or choose another {option}",
            file=sys.stderr,
        )
        return None
