"""What a logged model costs: the time to predict one row, and the size of its files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from airflow_mlops.config.models.budget import bytes_of, seconds_of
from airflow_mlops.training.core.budget import latency_check, size_check
from airflow_mlops.training.tracking import fluent

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlops.config.models.budget import Budget
    from airflow_mlops.core.records import BudgetCheck

_WARM: Final = 5
_MEASURED: Final = 60
_LEAST: Final = 10
_LONGEST_S: Final = 20.0


def cost(
    budget: Budget | None, uri: str, model_uri: str, model: Any, rows: pd.DataFrame
) -> Iterator[BudgetCheck]:
    """Yield what a model costs for each limit of the budget; ``rows`` are raw rows that it can predict."""
    if budget and budget.latency:
        wall, cpu = single_predictions(model, rows)
        yield latency_check(wall, cpu, seconds_of(budget.latency), budget.latency)
    if budget and budget.size:
        yield size_check(size(uri, model_uri), bytes_of(budget.size), budget.size)


def single_predictions(model: Any, rows: pd.DataFrame) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return seconds by the clock and of computing of up to 60 predictions of one row, after a warm-up.

    Rows are spread over ``rows``; after 20 s no more than 10 are asked.
    """
    predict = getattr(model, "predict_proba", model.predict)
    places = np.linspace(0, len(rows) - 1, _WARM + _MEASURED).astype(int)
    wall, cpu, begun = [], [], time.perf_counter()
    for number, place in enumerate(places.tolist()):
        one = rows.iloc[[place]]
        before = time.perf_counter(), time.process_time()
        predict(one)
        after = time.perf_counter(), time.process_time()
        if number >= _WARM:
            wall.append(after[0] - before[0])
            cpu.append(after[1] - before[1])
        if len(wall) >= _LEAST and after[0] - begun > _LONGEST_S:
            break
    return np.array(wall), np.array(cpu)


def size(uri: str, model_uri: str) -> int:
    """Return the bytes of all files of a logged model."""
    with fluent(uri) as mlflow:
        folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri))
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
