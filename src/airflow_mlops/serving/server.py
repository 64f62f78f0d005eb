"""The command behind ``serve``: the port, the state folder, exit codes."""

from __future__ import annotations

import fcntl
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from airflow_mlops.core.errors import BackendError
from airflow_mlops.serving.database import Database
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.supervisor import Supervisor

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
        database = Database(settings.database, settings.log_rows)
        with _alone(settings.state_dir):
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
            return Supervisor(settings, listener, database).run()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "server.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackendError(
                f"state of the model server {folder}: another server uses it. Stop that one or give another "
                "--state-dir"
            ) from None
        yield


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
