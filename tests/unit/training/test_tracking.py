"""MLflow's faults in one line, with the cause and the next step."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from airflow_mlops.core.errors import BackendError
from airflow_mlops.training.tracking import translated

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
