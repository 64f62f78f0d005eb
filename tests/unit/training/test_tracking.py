"""MLflow's faults in one line, with the cause and the next step."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from airflow_mlops.core.errors import BackendError
from airflow_mlops.training import tracking
from airflow_mlops.training.tracking import TaskRun, translated

URI = "sqlite:////lake/mlflow.db"


def test_a_full_disk_says_where_space_is_needed() -> None:
    with (
        pytest.raises(BackendError, match=r"mlflow\.db: .*No space left on device; free space in the folder"),
        translated(URI),
    ):
        Path("/dev/full").write_bytes(b"model")


def wrapped() -> None:
    with create_engine("sqlite://").connect() as base:
        try:
            base.execute(text("SELECT secret FROM nowhere"))
        except SQLAlchemyError as error:
            raise MlflowException(f"(raised as a result of a flush)\n{error}") from error


def test_a_database_speaks_in_the_words_of_its_driver_also_where_mlflow_wraps_them() -> None:
    with pytest.raises(BackendError, match=r"MLflow at .*: no such table: nowhere$"), translated(URI):
        wrapped()


def away(times: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have MLflow not answer a number of times; returns the waits, none of which is real."""
    waits: list[float] = []
    left = [times]

    def reach(uri: str) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise BackendError(f"MLflow at {uri} does not answer")

    monkeypatch.setattr(tracking, "reach", reach)
    monkeypatch.setattr(tracking.time, "sleep", waits.append)
    monkeypatch.setattr(tracking.time, "monotonic", lambda: sum(waits))
    return waits


def test_a_fitted_model_waits_while_mlflow_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = away(20, monkeypatch)
    TaskRun(None, "http://mlflow:5000", "r").await_answer()
    assert sum(waits) == 300


def test_the_wait_ends_with_an_error_that_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = away(10_000, monkeypatch)
    with pytest.raises(BackendError, match="does not answer") as found:
        TaskRun(None, "http://mlflow:5000", "r").await_answer()
    assert found.value.retryable
    assert sum(waits) == tracking.PATIENCE_S
