"""The model that serves now: found by its alias, asked for scores, and its reference profile."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.positive_class import ATTRIBUTE
from airflow_mlops.data.sources.quoting import error_text
from airflow_mlops.training import estimators
from airflow_mlops.training.core import metrics
from airflow_mlops.training.mlflow_access import Mlflow
from airflow_mlops.training.tracking import connect, translated

ALIAS: Final = "champion"
PROFILE_FILE: Final = "profile.json"
SCORE: Final = "_score"
PREDICTION: Final = "_prediction"


@dataclass(frozen=True)
class Champion:
    """A registered version with its loaded model."""

    name: str
    version: int
    run_id: str
    model: Any

    @property
    def classes(self) -> tuple[Any, ...]:
        """Labels of a classifier in the model's order; none for a regressor."""
        if estimators.task_of(self.model) == metrics.REGRESSION:
            return ()
        return tuple(np.asarray(getattr(self.model, "classes_", ())).tolist())

    @property
    def positive(self) -> Any:
        """The declared class of two that the score is about; None when it was not declared in training."""
        return getattr(self.model, ATTRIBUTE, None)

    @property
    def gives_probabilities(self) -> bool:
        """Whether the model is a classifier that gives probabilities."""
        return bool(self.classes) and hasattr(self.model, "predict_proba")

    def scored(self, rows: pd.DataFrame, *, samples: bool = True) -> pd.DataFrame:
        """Return ``rows`` with the columns ``_score`` and ``_prediction``.

        The score is the probability of the positive of two classes, or a regressor's prediction; where
        neither exists it is the prediction. With more than two classes the probabilities follow as
        ``_probability_0``, ``_probability_1`` and so on. Without ``samples`` no error quotes a cell.
        Raises DataRejected when the model fails.
        """
        try:
            predictions = np.asarray(self.model.predict(rows))
            scores = estimators.scores(self.model, rows)
            columns = {SCORE: predictions if scores is None else scores, PREDICTION: predictions}
            if len(self.classes) > 2 and self.gives_probabilities:
                every = np.asarray(self.model.predict_proba(rows))
                columns |= {probability_column(i): every[:, i] for i in range(every.shape[1])}
        except Exception as error:  # the model is foreign code: anything may come
            line = str(error).splitlines()[0] if str(error) else ""
            text = f"{type(error).__name__}: {line}" if samples else error_text(error, samples=False)
            raise DataRejected(
                f"{self.name} version {self.version} cannot score these rows: "
                f"{text}; check that the source still delivers every column with its type of training"
            ) from error
        return rows.assign(**columns)


def probability_column(index: int) -> str:
    """Name the column that holds the probability of class ``index``."""
    return f"_probability_{index}"


def load_champion(mlflow: Mlflow, name: str) -> Champion:
    """Load the version that the alias ``champion`` points at.

    Raises ConfigError when there is none yet, BackendError when MLflow does not answer.
    """
    registry = mlflow.registry(name)
    version = registry.get(ALIAS)
    if version is None:
        raise ConfigError(
            f"no champion of {name} yet: run {name}__train first, and deploy if the pipeline does"
        )
    run_id = registry.version(version).run_id
    return Champion(name, version, run_id, mlflow.load_model(f"models:/{name}/{version}"))


def load_profile(tracking_uri: str, run_id: str) -> dict[str, Any]:
    """Download the reference profile of a training run as JSON values.

    Raises ConfigError when the run has none, BackendError when MLflow does not answer.
    """
    client = connect(tracking_uri)
    with translated(tracking_uri), TemporaryDirectory() as folder:
        if PROFILE_FILE not in {item.path for item in client.list_artifacts(run_id)}:
            raise ConfigError(
                f"run {run_id} has no {PROFILE_FILE}, so there is nothing to compare with: train again"
            )
        found: dict[str, Any] = json.loads(
            Path(client.download_artifacts(run_id, PROFILE_FILE, folder)).read_text()
        )
    return found
