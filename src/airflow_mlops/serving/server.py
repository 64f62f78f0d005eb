"""The process around the application: port, signals, drain, exit codes."""

from __future__ import annotations

import logging
import socket
import sys
from typing import Final

import uvicorn

from airflow_mlops.serving.app import create_app
from airflow_mlops.serving.settings import Settings

PORT_REFUSED: Final = 3


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        listener = _listen(settings.host, settings.port)
    except (OSError, OverflowError) as error:
        print(  # noqa: T201 - this is the command's own output
            f"error: cannot listen on {settings.host}:{settings.port}: {error}. "
            "Stop what uses the port or choose another --port",
            file=sys.stderr,
        )
        return PORT_REFUSED
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=settings.drain_s,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    with listener:
        host, port = listener.getsockname()[:2]
        logging.getLogger(__name__).info("serving %s on http://%s:%s", settings.name, host, port)
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
