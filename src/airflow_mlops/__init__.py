"""The whole life of a machine-learning model on Apache Airflow 3, from one small YAML file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_mlops.core.version import VERSION

if TYPE_CHECKING:
    from airflow_mlops.config.loader import load_pipeline as load_pipeline
    from airflow_mlops.config.models import Approve as Approve
    from airflow_mlops.config.models import AssetEntry as AssetEntry
    from airflow_mlops.config.models import Assets as Assets
    from airflow_mlops.config.models import Callback as Callback
    from airflow_mlops.config.models import Callbacks as Callbacks
    from airflow_mlops.config.models import Canary as Canary
    from airflow_mlops.config.models import Columns as Columns
    from airflow_mlops.config.models import Data as Data
    from airflow_mlops.config.models import Deadline as Deadline
    from airflow_mlops.config.models import Deploy as Deploy
    from airflow_mlops.config.models import Drift as Drift
    from airflow_mlops.config.models import ErrorRateGuard as ErrorRateGuard
    from airflow_mlops.config.models import Evaluate as Evaluate
    from airflow_mlops.config.models import EventTime as EventTime
    from airflow_mlops.config.models import Guards as Guards
    from airflow_mlops.config.models import Holdout as Holdout
    from airflow_mlops.config.models import Join as Join
    from airflow_mlops.config.models import LatencyGuard as LatencyGuard
    from airflow_mlops.config.models import Monitor as Monitor
    from airflow_mlops.config.models import MonitorSchedule as MonitorSchedule
    from airflow_mlops.config.models import OwnTask as OwnTask
    from airflow_mlops.config.models import Performance as Performance
    from airflow_mlops.config.models import Pipeline as Pipeline
    from airflow_mlops.config.models import Preprocess as Preprocess
    from airflow_mlops.config.models import QualityGuard as QualityGuard
    from airflow_mlops.config.models import Resources as Resources
    from airflow_mlops.config.models import Retrain as Retrain
    from airflow_mlops.config.models import Retry as Retry
    from airflow_mlops.config.models import Schedule as Schedule
    from airflow_mlops.config.models import ShiftGuard as ShiftGuard
    from airflow_mlops.config.models import Source as Source
    from airflow_mlops.config.models import TaskAfter as TaskAfter
    from airflow_mlops.config.models import TaskSettings as TaskSettings
    from airflow_mlops.config.models import Threshold as Threshold
    from airflow_mlops.config.models import Train as Train
    from airflow_mlops.config.models import Tune as Tune
    from airflow_mlops.config.models import Validate as Validate
    from airflow_mlops.factory.load import build_dags as build_dags
    from airflow_mlops.factory.load import load_pipelines as load_pipelines

__version__ = VERSION
__all__ = [
    "Approve",
    "AssetEntry",
    "Assets",
    "Callback",
    "Callbacks",
    "Canary",
    "Columns",
    "Data",
    "Deadline",
    "Deploy",
    "Drift",
    "ErrorRateGuard",
    "Evaluate",
    "EventTime",
    "Guards",
    "Holdout",
    "Join",
    "LatencyGuard",
    "Monitor",
    "MonitorSchedule",
    "OwnTask",
    "Performance",
    "Pipeline",
    "Preprocess",
    "QualityGuard",
    "Resources",
    "Retrain",
    "Retry",
    "Schedule",
    "ShiftGuard",
    "Source",
    "TaskAfter",
    "TaskSettings",
    "Threshold",
    "Train",
    "Tune",
    "Validate",
    "__version__",
    "build_dags",
    "load_pipeline",
    "load_pipelines",
]

_ELSEWHERE = {
    "build_dags": "airflow_mlops.factory.load",
    "load_pipeline": "airflow_mlops.config.loader",
    "load_pipelines": "airflow_mlops.factory.load",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that importing the package costs nothing."""
    import importlib

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ELSEWHERE.get(name, "airflow_mlops.config.models")), name)
