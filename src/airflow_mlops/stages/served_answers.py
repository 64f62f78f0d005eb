"""The logged model, loaded back and asked as the model server does before anybody gets an answer from it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.storage.model_files import mark_files
from airflow_mlops.training.tracking import TaskRun, fluent


def check_as_served(run_: TaskRun, model_uri: str) -> None:
    """Load the model from MLflow with the server's own code, and have it answer its golden rows.

    The digest of its files is kept with it, so that nobody loads others later.
    Raises ConfigError with the rows when it cannot be served or answers otherwise than in this training,
    BackendError when MLflow does not answer.
    """
    from airflow_mlops.serving.fetching import Fetcher
    from airflow_mlops.serving.loading import load

    uri = run_.uri
    with tempfile.TemporaryDirectory(prefix="mlops-served-") as folder, fluent(uri):
        try:
            load(0, model_uri, Path(folder), Fetcher(uri))
            mark_files(run_.client, model_uri, next(Path(folder).glob("0-*/MLmodel")).parent)
        except ConfigError as error:
            raise ConfigError(
                f"the model server would refuse the model that was logged: {error}; the rows are in "
                f"golden.json of the MLflow run {run_.run_id}"
            ) from error
