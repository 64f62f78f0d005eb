"""Where a run on this machine keeps things: MLflow, data, its own state."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from airflow_mlops.core.errors import BackendError

ARTIFACTS: Final = "mlops-artifacts"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Place:
    """Where one pipeline's runs are.

    ``tracking_uri`` is MLflow's address, ``artifacts`` the absolute folder of data and records.
    """

    name: str
    tracking_uri: str
    artifacts: Path

    @classmethod
    def of(cls, name: str, folder: Path, environment: Mapping[str, str]) -> Place:
        """Return the place of pipeline ``name`` when the command is called in ``folder``.

        MLflow is where ``MLFLOW_TRACKING_URI`` says, else a SQLite file in the folder.
        """
        folder = folder.absolute()
        uri = environment.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder / 'mlflow.db'}"
        return cls(name, uri, folder / ARTIFACTS)

    @property
    def own(self) -> Path:
        """The folder of the runs' own state."""
        return self.artifacts / self.name / "laptop"

    @property
    def rollouts(self) -> Path:
        """The file of the rollouts that were rehearsed here."""
        return self.artifacts / "rollouts.db"

    @property
    def log(self) -> Path:
        """The log of the latest run."""
        return self.own / "run.log"

    @property
    def shared(self) -> bool:
        """Whether MLflow is another machine's, and its registry therefore not only ours."""
        host = urlsplit(self.tracking_uri).hostname
        return bool(host) and not self.tracking_uri.startswith("sqlite:") and host not in _LOOPBACK

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second run of the same pipeline out; the lock goes with the process, however it ends.

        Raises BackendError when one is going on, or when the folder cannot be written.
        """
        try:
            self.own.mkdir(parents=True, exist_ok=True)
            lock = (self.own / "lock").open("a+")
        except OSError as error:
            raise BackendError(
                f"cannot write {self.own}: {error.strerror}; call the command in a folder of your own"
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise BackendError(
                    f"another run of {self.name} is going on here (process {lock.read().strip() or '?'}): "
                    "wait for it, or stop it"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield
