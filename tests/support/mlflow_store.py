"""New MLflow stores on SQLite. MLflow takes two seconds for the tables of one; a copy of them takes none."""

from __future__ import annotations

import functools
import os
import shutil
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from airflow_mlops.training.tracking import connect

_CACHE = Path(__file__).parents[2] / ".pytest_cache" / "stores"


def new_store(folder: Path, name: str = "mlflow.db") -> str:
    """Put a store without a run into ``folder``, unless there is one; returns its address."""
    file = folder / name
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_empty(), file)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE experiments SET artifact_location = ?", (f"{folder}/mlruns/0",))
    return f"sqlite:///{file}"


@functools.cache
def _empty() -> Path:
    """Return a store that MLflow has made, once for all test processes and for later runs of the tests."""
    file = _CACHE / f"mlflow-{version('mlflow')}.db"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():
            part = file.with_suffix(f".{os.getpid()}")
            connect(f"sqlite:///{part}")
            part.rename(file)
            Path(f"{part}.lock").unlink(missing_ok=True)
    return file
