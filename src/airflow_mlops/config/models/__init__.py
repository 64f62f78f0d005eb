"""The sections of a pipeline file, one frozen model each; an unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from airflow_mlops.config.models.deployment import (
    Canary as Canary,
)
from airflow_mlops.config.models.deployment import (
    Deploy as Deploy,
)
from airflow_mlops.config.models.deployment import (
    ErrorRateGuard as ErrorRateGuard,
)
from airflow_mlops.config.models.deployment import (
    GuardAction as GuardAction,
)
from airflow_mlops.config.models.deployment import (
    Guards as Guards,
)
from airflow_mlops.config.models.deployment import (
    LatencyGuard as LatencyGuard,
)
from airflow_mlops.config.models.deployment import (
    QualityGuard as QualityGuard,
)
from airflow_mlops.config.models.deployment import (
    ShiftGuard as ShiftGuard,
)
from airflow_mlops.config.models.monitoring import (
    Drift as Drift,
)
from airflow_mlops.config.models.monitoring import (
    Monitor as Monitor,
)
from airflow_mlops.config.models.monitoring import (
    Performance as Performance,
)
from airflow_mlops.config.models.monitoring import (
    Retrain as Retrain,
)
from airflow_mlops.config.models.running import (
    Callback as Callback,
)
from airflow_mlops.config.models.running import (
    Callbacks as Callbacks,
)
from airflow_mlops.config.models.running import (
    Resources as Resources,
)
from airflow_mlops.config.models.running import (
    Retry as Retry,
)
from airflow_mlops.config.models.running import (
    TaskName as TaskName,
)
from airflow_mlops.config.models.running import (
    TaskSettings as TaskSettings,
)
from airflow_mlops.config.models.section import (
    Section as Section,
)
from airflow_mlops.config.models.training import (
    Approve as Approve,
)
from airflow_mlops.config.models.training import (
    Data as Data,
)
from airflow_mlops.config.models.training import (
    Evaluate as Evaluate,
)
from airflow_mlops.config.models.training import (
    Source as Source,
)
from airflow_mlops.config.models.training import (
    Train as Train,
)
from airflow_mlops.config.models.training import (
    Tune as Tune,
)
from airflow_mlops.config.models.training import (
    Validate as Validate,
)
from airflow_mlops.config.values import ConnId, Name, Schedule, Text, Whole
from airflow_mlops.config.values import format_duration as format_duration
from airflow_mlops.config.values import parse_duration as parse_duration


class Pipeline(Section):
    """One pipeline file: the whole life of one model."""

    version: Literal[1] = Field(1, description="Version of this file format.")
    name: Name = Field(description="Name of the pipeline, its DAGs and its registered model.")
    description: str = Field("", description="One sentence for people.")
    owner: Text = Field("airflow", description="Airflow owner of the tasks.")
    team: str | None = Field(
        None, min_length=1, max_length=250, description="Team, as the tag `team:…` of the DAGs."
    )
    tags: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field(
        (), description="Airflow tags of the DAGs, besides `mlops`."
    )
    schedule: Schedule | None = Field(
        None, description="When to train: cron expression or preset. Retrain events start one as well."
    )
    pool: str | None = Field(None, min_length=1, max_length=250, description="Airflow pool of the tasks.")
    pool_slots: Whole = Field(1, ge=1, description="Slots of the pool that each task takes.")
    priority_weight: Whole = Field(1, description="Weight of the tasks in the queue.")
    retries: Whole = Field(1, ge=0, le=10, description="Retries of a task that failed for an outside reason.")
    retry: Retry = Field(Retry(), description="When a failed task is tried again.")
    callbacks: Callbacks = Field(Callbacks(), description="Who is told what.")
    tasks: dict[TaskName, TaskSettings] = Field(
        default_factory=dict, description="Task to its own settings, as `{train: {pool: gpu, timeout: 2h}}`."
    )
    mlflow_conn_id: ConnId = Field("mlops_mlflow_default", description="Airflow connection of MLflow.")
    data: Data = Field(description="The training data.")
    validate_: Validate | None = Field(None, alias="validate", description="What the data must meet.")
    features: Text | None = Field(None, description="`module:function`, a plain frame-to-frame function.")
    train: Train = Field(description="What learns.")
    evaluate: Evaluate = Field(description="The gate before registration.")
    approve: Approve | None = Field(None, description="A person's yes before traffic moves.")
    deploy: Deploy | None = Field(None, description="Serving; without it a passed version is champion.")
    monitor: Monitor | None = Field(None, description="Watching the champion.")

    model_config = ConfigDict(populate_by_name=True)

    def effective(self) -> dict[str, Any]:
        """Return the whole configuration, defaults included, as JSON values under the file's own keys."""
        return self.model_dump(mode="json", by_alias=True)

    def __str__(self) -> str:
        """Return the name alone: Airflow stores this text with a mapped task."""
        return f"pipeline {self.name}"
