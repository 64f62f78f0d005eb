"""The process around the application: port, signals, drain, exit codes."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from typing import Final

from airflow_mlops.serving.database import Database
from airflow_mlops.serving.settings import Settings

PORT_REFUSED: Final = 3
_MLFLOW: Final = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain; returns the exit code.

    Raises BackendError when the state folder cannot be used.
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
        Database(settings.database, settings.log_rows).close()
        return _run(settings, listener)


def _run(settings: Settings, listener: socket.socket) -> int:
    for name, value in _MLFLOW.items():
        os.environ.setdefault(name, value)
    # Imported late: they bring MLflow along, and a port in use should be told at once.
    import uvicorn

    from airflow_mlops.serving.app import create_app

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=settings.drain_s,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    host, port = listener.getsockname()[:2]
    logging.getLogger(__name__).info("serving %s on http://%s:%s", settings.name, host, port)
    # After its drain uvicorn raises the signal once more; with no handler that would end in a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener
