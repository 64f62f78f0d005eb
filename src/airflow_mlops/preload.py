"""Loads the libraries of the stages ahead of time, for processes that fork tasks.

A LocalExecutor worker is forked from the scheduler: what the scheduler has loaded, no task loads again.
Call ``preload()`` from ``airflow_local_settings.py`` in the scheduler only; DAG parsing never needs it.
"""

from __future__ import annotations

import importlib

from airflow_mlops.lifecycle.table import TASKS

_LIBRARIES = ("mlflow.sklearn", "sklearn.ensemble", "optuna", "great_expectations", "pyarrow.dataset")


def preload() -> float:
    """Import every stage and the libraries that it loads on first use; returns the CPU seconds it took."""
    import time

    started = time.process_time()
    for module in (*(task.stage_module for task in TASKS), *_LIBRARIES):
        importlib.import_module(module)
    return time.process_time() - started
