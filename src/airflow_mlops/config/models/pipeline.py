"""The pipeline file as a whole."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from airflow_mlops.config.models.approval import Approve
from airflow_mlops.config.models.data import Data, Validate
from airflow_mlops.config.models.deployment import Deploy
from airflow_mlops.config.models.evaluation import Evaluate
from airflow_mlops.config.models.monitoring import Monitor
from airflow_mlops.config.models.running import AirflowName, Callbacks, Retry, TaskSettings
from airflow_mlops.config.models.scheduling import OwnTask, Schedule, TaskAfter
from airflow_mlops.config.models.section import Section, short_forms
from airflow_mlops.config.models.training import Train
from airflow_mlops.config.schedule_text import start_mapping
from airflow_mlops.config.values import ConnId, FieldError, Name, StrictInt, TaskName, Text
from airflow_mlops.core.connection import MLFLOW_CONN_ID
from airflow_mlops.lifecycle.table import task_ids


class Pipeline(Section):
    """One pipeline file: the full life cycle of one model.

    >>> Pipeline(
    ...     name="iris",
    ...     data={"source": {"type": "csv", "filepath": "iris.csv"}, "target": "species"},
    ...     train={"estimator": "sklearn.tree.DecisionTreeClassifier"},
    ...     evaluate={"metrics": ["accuracy"]},
    ... ).effective()["retries"]
    3
    """

    keys_of_layers: ClassVar[tuple[str, ...]] = ("profiles",)

    version: Literal[1] = Field(1, description="Version of this file format.")
    name: Name = Field(description="Name of the pipeline, its DAGs and its registered model.")
    description: str = Field("", description="One sentence for readers.")
    owner: Text = Field("airflow", description="Airflow owner of the tasks.")
    team: AirflowName | None = Field(None, description="Team, as the tag `team:…` of the DAGs.")
    tags: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field(
        (), description="Airflow tags of the DAGs, besides `mlops`."
    )
    schedule: Annotated[Schedule | None, BeforeValidator(start_mapping)] = Field(
        None,
        description="When to train: cron, a preset, an interval or assets. Retrain events start it as well.",
        json_schema_extra=short_forms("string", "array"),
    )
    before: tuple[OwnTask, ...] = Field((), description="Tasks of your own before the training, in order.")
    after: tuple[TaskAfter, ...] = Field((), description="Tasks of your own after the training, in order.")
    pool: AirflowName | None = Field(None, description="Airflow pool of the tasks.")
    pool_slots: StrictInt = Field(1, ge=1, description="Pool slots per task.")
    priority_weight: StrictInt = Field(1, description="Priority weight of the tasks.")
    retries: StrictInt = Field(
        3,
        ge=0,
        le=10,
        description="Retries after an external failure; by default they span seven minutes or more.",
    )
    retry: Retry = Field(Retry(), description="When a failed task is retried.")
    callbacks: Callbacks = Field(Callbacks(), description="Notification callbacks.")
    tasks: dict[TaskName, TaskSettings] = Field(
        default_factory=dict, description="Settings per task, as `{train: {pool: gpu, timeout: 2h}}`."
    )
    mlflow_conn_id: ConnId = Field(MLFLOW_CONN_ID, description="Airflow connection of MLflow.")
    data: Data = Field(description="The training data.")
    validate_: Validate | None = Field(None, alias="validate", description="Expectations on the data.")
    features: Text | None = Field(None, description="`module:function` that turns a DataFrame into features.")
    train: Train = Field(description="Model and training settings.")
    evaluate: Evaluate = Field(description="The gate before registration.")
    approve: Approve | None = Field(None, description="Human approval before traffic is shifted.")
    deploy: Deploy | None = Field(
        None, description="Serving; without it, a version that passes the gate becomes champion."
    )
    monitor: Monitor | None = Field(None, description="Monitoring of the champion.")

    model_config = ConfigDict(populate_by_name=True)

    @model_validator(mode="after")
    def _own_tasks(self) -> Pipeline:
        taken = list(task_ids())
        for section in ("before", "after"):
            for number, task in enumerate(getattr(self, section)):
                if task.id in taken:
                    written = "task_id" if task.task_id else "operator"
                    message = f"another task is named {task.id!r}: write a task_id of its own"
                    raise FieldError(message, section, number, written)
                taken.append(task.id)
        return self

    @model_validator(mode="after")
    def _code_in_the_model(self) -> Pipeline:
        if self.train.serialization == "skops" and self.features:
            raise FieldError(
                "skops holds no code, and `features` names some: write cloudpickle, or leave `features` out",
                "train",
                "serialization",
            )
        return self

    @model_validator(mode="after")
    def _one_share(self) -> Pipeline:
        section = self.evaluate.holdout
        if section and section.replaces_share and "holdout" in self.data.model_fields_set:
            way = f"`evaluate.holdout.{section.ways[0]}`"
            message = f"must be left out beside {way}: write one of the two"
            raise FieldError(message, "data", "holdout")
        return self

    @model_validator(mode="after")
    def _no_circle(self) -> Pipeline:
        entries = self.schedule.assets.entries if self.schedule and self.schedule.assets else ()
        for entry in entries:
            if entry.of_pipeline and entry.of_pipeline[0] == self.name:
                message = f"{entry.shown} is updated or read by this pipeline: a run would start the next one"
                raise FieldError(message, "schedule", "assets")
        return self

    def effective(self) -> dict[str, Any]:
        """Return the whole configuration as JSON values under the file's own keys.

        Defaults are included; only that of `data.holdout` is left out beside a key that replaces it.
        """
        found = self.model_dump(mode="json", by_alias=True)
        if self.evaluate.holdout and self.evaluate.holdout.replaces_share:
            del found["data"]["holdout"]
        return found

    def __str__(self) -> str:
        """Return the name alone: Airflow stores this text with a mapped task."""
        return f"pipeline {self.name}"


Section.root = Pipeline
