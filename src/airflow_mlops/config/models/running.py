"""The sections of how Airflow runs the tasks: pools, retries, time limits, resources, callbacks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.values import (
    Counted,
    CountedWhole,
    DottedPath,
    Duration,
    Image,
    KeyFault,
    Number,
    Size,
    Values,
    Whole,
    format_duration,
)

TaskName = Literal[
    "ingest", "validate", "features", "tune", "train", "evaluate", "register",
    "prepare", "approve", "rollout", "finalize", "restore",
    "observe", "drift", "performance", "triage", "retrain",
]  # fmt: skip
Text = Annotated[str, Field(min_length=1, max_length=250)]


class Resources(Section):
    """What a task's pod gets; other executors than Kubernetes' take no notice."""

    cpu: Annotated[float, Field(gt=0), Counted] | None = Field(
        None, description="Cores that the pod asks for."
    )
    memory: Size | None = Field(None, description="Memory, asked for and at most, such as `512Mi` or `8Gi`.")
    gpu: Whole = Field(0, ge=0, le=64, description="GPUs (`nvidia.com/gpu`).")
    image: Image | None = Field(None, description="Container image that has the packages of the task.")


class Retry(Section):
    """When a failed task is tried again; a fault of data, configuration or code never is."""

    delay: Duration = Field(timedelta(seconds=30), description="Wait before the first retry.")
    backoff: Number = Field(2.0, ge=1, le=10, description="How many times longer each further wait is.")
    max_delay: Duration = Field(timedelta(minutes=15), description="Longest wait.")
    fail_on: tuple[DottedPath, ...] = Field(
        (), description="Dotted paths of further exceptions that a second try would only repeat."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Retry:
        if self.delay > self.max_delay:
            first, longest = format_duration(self.delay), format_duration(self.max_delay)
            written = "delay" if "delay" in self.model_fields_set else "max_delay"
            raise KeyFault(f"delay {first} is longer than max_delay {longest}", written)
        return self


class Callback(Section):
    """A notifier: Airflow's own, one of a provider, or a class or function beside the pipeline file."""

    notifier: DottedPath = Field(description="Dotted path of a notifier, or of a function of the context.")
    args: Values = Field(default_factory=dict, description="Arguments of the notifier. Templated by it.")


class Callbacks(Section):
    """Who is told what; loaded only when there is something to tell."""

    on_failure: tuple[Callback, ...] = Field((), description="When a task has failed for good.")
    on_retry: tuple[Callback, ...] = Field((), description="When a task will be tried again.")
    on_success: tuple[Callback, ...] = Field((), description="When a whole run has succeeded.")


class TaskSettings(Section):
    """How one task runs, where it differs from the others."""

    pool: Text | None = Field(None, description="Airflow pool of this task.")
    pool_slots: Annotated[int, Field(ge=1), CountedWhole] | None = Field(
        None, description="Slots of the pool that it takes."
    )
    priority_weight: Whole | None = Field(None, description="Its weight in the queue.")
    queue: Text | None = Field(None, description="Queue of the executor.")
    retries: Annotated[int, Field(ge=0, le=10), CountedWhole] | None = Field(
        None, description="Retries after a failure from outside."
    )
    timeout: Duration | None = Field(None, description="Longest time of one try (execution_timeout).")
    resources: Resources | None = Field(None, description="What its pod gets.")
