"""The sections of how Airflow runs the tasks: pools, retries, time limits, resources, callbacks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.values import (
    STRICT_FLOAT,
    STRICT_INT,
    DottedPath,
    Duration,
    FieldError,
    Image,
    Size,
    StrictFloat,
    StrictInt,
    Values,
    format_duration,
)

AirflowName = Annotated[str, Field(min_length=1, max_length=250)]


class Resources(Section):
    """Resources of a task's pod; only Kubernetes executors use them."""

    cpu: Annotated[float, Field(gt=0), STRICT_FLOAT] | None = Field(None, description="CPU cores to request.")
    memory: Size | None = Field(None, description="Memory to request, and its limit, as `512Mi` or `8Gi`.")
    gpu: StrictInt = Field(0, ge=0, le=64, description="GPUs (`nvidia.com/gpu`).")
    image: Image | None = Field(None, description="Container image that has the packages of the task.")


class Retry(Section):
    """When a failed task is retried; an error in data, configuration or code is never retried."""

    delay: Duration = Field(timedelta(minutes=1), description="Wait before the first retry.")
    backoff: StrictFloat = Field(2.0, ge=1, le=10, description="Factor by which each further wait is longer.")
    max_delay: Duration = Field(timedelta(minutes=15), description="Longest wait.")
    fail_on: tuple[DottedPath, ...] = Field(
        (), description="Dotted paths of further exceptions that are not retried."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Retry:
        if self.delay > self.max_delay:
            first, longest = format_duration(self.delay), format_duration(self.max_delay)
            written = "delay" if "delay" in self.model_fields_set else "max_delay"
            raise FieldError(f"delay {first} must not be longer than max_delay {longest}", written)
        return self


class Callback(Section):
    """A notifier: one of Airflow, of a provider, or a class or function beside the pipeline file."""

    notifier: DottedPath = Field(description="Dotted path of a notifier, or of a function of the context.")
    args: Values = Field(default_factory=dict, description="Arguments of the notifier, which templates them.")


class Callbacks(Section):
    """Notification callbacks; a notifier is imported only when it is called."""

    on_failure: tuple[Callback, ...] = Field((), description="When a task has failed without further retry.")
    on_retry: tuple[Callback, ...] = Field((), description="When a task will be retried.")
    on_success: tuple[Callback, ...] = Field((), description="When a DAG run has succeeded.")


class TaskSettings(Section):
    """Settings of one task, in place of those of the pipeline."""

    pool: AirflowName | None = Field(None, description="Airflow pool of this task.")
    pool_slots: Annotated[int, Field(ge=1), STRICT_INT] | None = Field(
        None, description="Pool slots of this task."
    )
    priority_weight: StrictInt | None = Field(None, description="Priority weight of this task.")
    queue: AirflowName | None = Field(None, description="Queue of the executor.")
    retries: Annotated[int, Field(ge=0, le=10), STRICT_INT] | None = Field(
        None, description="Retries after an external failure."
    )
    timeout: Duration | None = Field(None, description="Time limit of one try (`execution_timeout`).")
    resources: Resources | None = Field(None, description="Resources of the task's pod.")
