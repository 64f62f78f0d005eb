"""Where a run on this machine stores things: MLflow, data, its own state."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from airflow_mlops.core.errors import BackendError
from airflow_mlops.training.mlflow_address import database_file
from airflow_mlops.training.tracking import is_local

ARTIFACTS: Final = "mlops-artifacts"


@dataclass(frozen=True)
class RunPaths:
    """Where one pipeline's runs are.

    ``tracking_uri`` is MLflow's address, ``artifacts`` the absolute folder of data and records.
    """

    name: str
    tracking_uri: str
    artifacts: Path

    @classmethod
    def of(cls, name: str, folder: Path, environment: Mapping[str, str]) -> RunPaths:
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
        """Whether other people may use MLflow's registry: anything but a file of this machine.

        A server on this machine may be a tunnel to another one.
        """
        return not is_local(self.tracking_uri)

    @property
    def missing_store(self) -> Path | None:
        """The SQLite file of MLflow where it does not exist; None where it does, or MLflow is elsewhere."""
        file = database_file(self.tracking_uri)
        return file if self.tracking_uri.startswith("sqlite:") and not file.is_file() else None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second run of the same pipeline out; the lock goes with the process, however it ends.

        Raises BackendError when one is going on, or when the folder cannot be written.
        """
        holder = self.own / "lock.pid"
        lock = FileLock(self.own / "lock", blocking=False)
        try:
            self.own.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            holder.write_text(str(os.getpid()))
        except Timeout:
            pid = holder.read_text() if holder.exists() else "?"
            raise BackendError(
                f"another run of {self.name} is active here (process {pid}): wait for it, or stop it"
            ) from None
        except OSError as error:
            raise BackendError(
                f"cannot write {self.own}: {error.strerror}; call the command in a folder of your own"
            ) from error
        try:
            yield
        finally:
            lock.release()
