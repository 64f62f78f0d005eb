"""Models in MLflow: written with everything that they need, read back, and their golden rows."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.core.tags import COLUMN_TYPES
from airflow_mlops.storage.model_files import check_files
from airflow_mlops.training import estimators
from airflow_mlops.training.core.row_choice import spread
from airflow_mlops.training.safe_format import quiet_search
from airflow_mlops.training.signature import inputs_and_types, outputs
from airflow_mlops.training.tracking import TaskRun, fluent

GOLDEN_ROWS = 20
_CHATTY = ("mlflow.sklearn", "mlflow.models.model", "mlflow.models.utils", "mlflow.utils.environment")


def log_model(
    run: TaskRun,
    model: Any,
    raw: pd.DataFrame,
    labels: np.ndarray[Any, Any],
    pinned: Sequence[str],
    *,
    samples: bool = True,
    trusted: Sequence[str] | None = None,
) -> str:
    """Log a scikit-learn pipeline with its signature, requirements and an example; return its URI.

    ``raw`` are raw rows with the columns that the model asks for, ``labels`` its predictions of them,
    ``pinned`` the model's requirements. Without ``samples`` there is no example. With ``trusted`` types it
    has the format of skops, else that of cloudpickle. Raises BackendError when MLflow refuses.
    """
    from mlflow.models import ModelSignature

    inputs, types = inputs_and_types(raw)
    signature = ModelSignature(inputs=inputs, outputs=outputs(labels))
    with fluent(run.uri) as mlflow, _quiet(), quiet_search(), mlflow.start_run(run_id=run.run_id):
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="cloudpickle" if trusted is None else "skops",
            skops_trusted_types=None if trusted is None else list(trusted),
            pip_requirements=list(pinned),
            signature=signature,
            input_example=_example(raw) if samples else None,
            metadata={COLUMN_TYPES: types} if types else None,
        )
    return str(info.model_uri)


def load_model(uri: str, model_uri: str) -> Any:
    """Load a scikit-learn model; raises BackendError when it is gone or cannot be loaded here.

    Raises ConfigError when its files are not those that its training logged, or hold types that it does not
    list.
    """
    with quiet_search():  # the import searches as well
        from skops.io.exceptions import UntrustedTypesFoundException

    with fluent(uri) as mlflow:
        folder = mlflow.artifacts.download_artifacts(artifact_uri=model_uri)
        check_files(Path(folder), model_uri)
        try:
            with quiet_search():
                return mlflow.sklearn.load_model(folder)
        except UntrustedTypesFoundException as error:
            raise ConfigError(f"{model_uri} is not loaded: {' '.join(str(error).split())[:300]}") from error
        except (ImportError, AttributeError) as error:
            raise BackendError(
                f"{model_uri} cannot be loaded here: {error}; install its requirements"
            ) from error


def golden(model: Any, raw: pd.DataFrame, rows: int = GOLDEN_ROWS) -> dict[str, Any]:
    """Return raw rows as JSON values with the model's answers to exactly those.

    A server that loads the model must give the same answers before it gets traffic.
    """
    values = json_rows(raw.iloc[spread(len(raw), rows)])
    again = pd.DataFrame(values, columns=list(raw.columns))
    predictions, scores = estimators.answers(model, again)
    return {
        "columns": [str(name) for name in raw.columns],
        "rows": values,
        "predictions": [plain(value) for value in predictions],
        "scores": None if scores is None else [plain(value) for value in scores],
    }


def json_rows(frame: pd.DataFrame) -> list[list[Any]]:
    """Return the frame's cells as JSON values: times as ISO text, gaps as null."""
    columns = [[plain(value) for value in frame[name]] for name in frame.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def plain(value: Any) -> Any:
    """Return one cell as a JSON value."""
    if isinstance(value, list | dict):
        return value
    if pd.isna(value):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, Decimal):
        value = float(value)
    return value if isinstance(value, str | int | float | bool) else str(value)


def _example(raw: pd.DataFrame) -> pd.DataFrame:
    example = raw.head(2).copy()
    for name in example.columns:
        values = example[name]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            example[name] = values.dt.tz_convert(None)
        elif _without_json(values):
            example[name] = pd.Series([plain(value) for value in values], values.index, dtype=object)
    return example


def _without_json(values: pd.Series) -> bool:
    """Whether MLflow cannot write a column of an example: spans of time, say, or objects of a user."""
    from mlflow.utils.proto_json_utils import NumpyEncoder

    try:
        json.dumps(values.tolist(), cls=NumpyEncoder)
    except TypeError:
        return True
    return False


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """MLflow warns about cloudpickle, and about pip, at every model; the choice is explained in the guide."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
