"""A model server that can be killed and started again at once, for tests of what a crash leaves behind."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import uvicorn

from airflow_mlops.serving import Settings
from airflow_mlops.serving.app import create_app
from tests.support.ports import free_port
from tests.support.server import NAME, TOKEN

_WARM = multiprocessing.get_context("forkserver")
_WARM.set_forkserver_preload([__name__, "tests.support.warm_serving"])


def serve(settings: Settings) -> None:
    """Serve until killed."""
    uvicorn.run(create_app(settings), port=settings.port, log_level="critical", access_log=False)


class ForkedServer:
    """One process after another with the same port and state folder.

    Each is forked from a process that has loaded all libraries, so that a start takes no seconds.
    """

    def __init__(self, uri: str, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._settings = Settings(name=NAME, tracking_uri=uri, token=TOKEN, state_dir=folder, port=port)
        self._caller = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5
        )
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers and has loaded its versions."""
        if self._process is None:
            with pytest.MonkeyPatch.context() as patch:  # For what the warm process is to load.
                patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
                self._process = _WARM.Process(target=serve, args=(self._settings,), daemon=True)
                self._process.start()
        for _ in range(6000):
            with suppress(httpx.TransportError):
                versions = self._caller.get("/admin/state").json()["versions"].values()
                if all(version["status"] != "loading" for version in versions):
                    return
            time.sleep(0.01)
        raise AssertionError("the model server did not start within a minute")

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._caller.close()
