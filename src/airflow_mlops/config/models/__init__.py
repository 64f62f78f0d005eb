"""The sections of a pipeline file, one frozen model each; an unknown key is an error."""

from airflow_mlops.config.models.approval import Approve
from airflow_mlops.config.models.data import Data, Validate
from airflow_mlops.config.models.deployment import (
    Canary,
    Deploy,
    ErrorRateGuard,
    GuardAction,
    Guards,
    LatencyGuard,
    QualityGuard,
    ShiftGuard,
)
from airflow_mlops.config.models.evaluation import Evaluate
from airflow_mlops.config.models.event_time import EventTime
from airflow_mlops.config.models.holdout import Holdout
from airflow_mlops.config.models.monitoring import Drift, Monitor, Performance, Retrain
from airflow_mlops.config.models.pipeline import Pipeline
from airflow_mlops.config.models.preprocess import Preprocess
from airflow_mlops.config.models.running import Callback, Callbacks, Resources, Retry, TaskSettings
from airflow_mlops.config.models.scheduling import (
    AssetEntry,
    Assets,
    Deadline,
    MonitorSchedule,
    OwnTask,
    Schedule,
    TaskAfter,
)
from airflow_mlops.config.models.section import Section
from airflow_mlops.config.models.source import Columns, Join, Source
from airflow_mlops.config.models.threshold import Threshold
from airflow_mlops.config.models.training import Train, Tune
from airflow_mlops.config.values import format_duration, parse_duration

__all__ = [
    "Approve", "AssetEntry", "Assets", "Callback", "Callbacks", "Canary", "Columns", "Data", "Deadline",
    "Deploy", "Drift", "ErrorRateGuard", "Evaluate", "EventTime", "GuardAction", "Guards", "Holdout",
    "Join", "LatencyGuard", "Monitor", "MonitorSchedule", "OwnTask", "Performance", "Pipeline",
    "Preprocess", "QualityGuard", "Resources", "Retrain", "Retry", "Schedule", "Section", "ShiftGuard",
    "Source", "TaskAfter", "TaskSettings", "Threshold", "Train", "Tune", "Validate", "format_duration",
    "parse_duration",
]  # fmt: skip
