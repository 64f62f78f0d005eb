"""The sections of when a pipeline trains, and of a user's own tasks before and after its training."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from airflow_mlops.config.models.running import Callback
from airflow_mlops.config.models.section import Section, short_forms
from airflow_mlops.config.schedule_text import ONCE, Cron, Start, TimeZone
from airflow_mlops.config.values import (
    DottedPath,
    Duration,
    FieldError,
    StrictBool,
    StrictInt,
    Text,
    Timestamp,
    Values,
    format_duration,
)
from airflow_mlops.lifecycle.table import default_task_id

_TASK_ID: Final = r"^[A-Za-z0-9_.\-]{1,250}$"
_OWN_ASSETS: Final = ("data", "challenger", "champion", "retrain")
_NOT_IN_ARGS: Final = {
    "task_id": "write it beside `operator`",
    "trigger_rule": "write `when: always` for a task that also runs after a failure",
    "dag": "the task belongs to the train DAG",
}


class AssetEntry(Section):
    """One upstream asset: `ref` names one that another DAG defines, `name` and `uri` define it here."""

    ref: Text | None = Field(
        None, description="Name or URI of an asset that a DAG defines; plain text is this."
    )
    name: Text | None = Field(None, description="Name of an asset that no other DAG defines.")
    uri: Text | None = Field(None, description="Its URI.")

    @model_validator(mode="after")
    def _one_form(self) -> AssetEntry:
        if (self.ref is None) == (self.name is None and self.uri is None):
            raise ValueError("an asset must be its name or URI as text, or a mapping with name or uri")
        for key in ("ref", "name", "uri"):
            value = getattr(self, key)
            if value and (not value.strip() or len(value) > 1500):
                raise FieldError("an asset must have 1 to 1,500 characters", key)
            if value and value.startswith("airflow:"):
                raise FieldError(
                    "an asset cannot have the scheme `airflow`, which is Airflow's own: write another URI",
                    key,
                )
        return self

    @property
    def of_pipeline(self) -> tuple[str, str] | None:
        """The pipeline that updates the asset and which one of its assets it is, None for any other asset."""
        for text in filter(None, (self.ref, self.name, self.uri)):
            owner, _, name = text.removeprefix("mlops://").rstrip("/").rpartition("/")
            if owner and name in _OWN_ASSETS:
                return owner, name
        return None

    @property
    def shown(self) -> str:
        """The asset for people: its name, else its URI."""
        return str(self.ref or self.name or self.uri)


def _entry(value: Any) -> Any:
    return {"ref": value} if isinstance(value, str) else value


_Entry = Annotated[AssetEntry, BeforeValidator(_entry), Field(json_schema_extra=short_forms("string"))]


class Assets(Section):
    """Upstream assets: the train DAG starts when all, or any, of them were updated."""

    all: tuple[_Entry, ...] = Field(
        (), description="Every one was updated since the last run; a list is this."
    )
    any: tuple[_Entry, ...] = Field((), description="One of them was updated.")

    @model_validator(mode="after")
    def _one_list(self) -> Assets:
        if bool(self.all) == bool(self.any):
            raise ValueError("assets must be a list, or a mapping with one of `all` and `any`")
        return self

    @property
    def entries(self) -> tuple[AssetEntry, ...]:
        """The assets of either list."""
        return self.all or self.any

    @property
    def shown(self) -> tuple[str, ...]:
        """What starts the DAG, for people: each asset of `any`, or those of `all` together."""
        names = [f"asset {entry.shown}" for entry in self.entries]
        return tuple(names) if self.any else (" and ".join(names),)


def _assets(value: Any) -> Any:
    if isinstance(value, str):
        return {"all": [value]}
    return {"all": value} if isinstance(value, list | tuple) else value


class Deadline(Callback):
    """A notification when a run is not done in time; the run goes on."""

    within: Duration = Field(description="Time from the run being queued.")


class Schedule(Section):
    """When the train DAG runs; a cron expression, preset or interval may be plain text, assets a list."""

    cron: Start | None = Field(
        None, description="Five cron fields or a preset, `@once` and `@continuous` included."
    )
    every: Duration | None = Field(None, description="Interval between two runs; the first is at once.")
    timezone: TimeZone = Field("UTC", description="Time zone of `cron`, as `Europe/Berlin`.")
    assets: Annotated[Assets | None, BeforeValidator(_assets)] = Field(
        None,
        description="Upstream assets that start a run, besides the time or alone.",
        json_schema_extra=short_forms("string", "array"),
    )
    start_date: Timestamp | None = Field(None, description="No run is for an earlier time (UTC by default).")
    end_date: Timestamp | None = Field(None, description="No run is for a later time.")
    catchup: StrictBool = Field(False, description="Run every time since `start_date`, oldest first.")
    max_active_runs: StrictInt = Field(1, ge=1, le=100, description="Runs of the train DAG at the same time.")
    dagrun_timeout: Duration | None = Field(None, description="A run that takes longer fails.")
    deadline: Deadline | None = Field(None, description="Who is notified when a run is not done in time.")

    @model_validator(mode="after")
    def _consistent(self) -> Schedule:
        if self.cron and self.every:
            raise FieldError("cron and every cannot be used together: remove one", "every")
        named = self.cron in ONCE
        if (self.every or named or not self.cron) and self.timezone != "UTC":
            raise FieldError("timezone is the zone of cron fields: remove it, or add cron", "timezone")
        if self.cron == "@continuous" and self.max_active_runs > 1:
            raise FieldError("@continuous has one run at a time: remove max_active_runs", "max_active_runs")
        if self.cron == "@continuous" and self.assets:
            raise FieldError("@continuous starts without assets: remove them, or cron", "assets")
        if self.catchup and (named or not (self.cron or self.every)):
            raise FieldError("catchup needs times to catch up with: add cron fields or every", "catchup")
        if self.catchup and self.start_date is None:
            raise FieldError("catchup needs a first time: add start_date", "catchup")
        return self

    @property
    def shown(self) -> tuple[str, ...]:
        """What starts the DAG, for people."""
        zone = f" {self.timezone}" if self.timezone != "UTC" else ""
        times = (f"{self.cron}{zone}",) if self.cron else ()
        times = (f"every {format_duration(self.every)}",) if self.every else times
        return (*times, *(self.assets.shown if self.assets else ()))


class MonitorSchedule(Section):
    """The windows of monitoring; plain text is `cron`."""

    cron: Cron = Field(description="Five cron fields or a preset; each run covers the interval before it.")
    timezone: TimeZone = Field("UTC", description="Time zone of `cron`, as `Europe/Berlin`.")

    @property
    def shown(self) -> tuple[str, ...]:
        """When the DAG runs, for people."""
        return (self.cron if self.timezone == "UTC" else f"{self.cron} {self.timezone}",)


class OwnTask(Section):
    """A task of one's own in the train DAG, such as a sensor before it or a message after it."""

    operator: DottedPath = Field(description="Dotted path of an operator or sensor.")
    task_id: Annotated[str, Field(pattern=_TASK_ID)] | None = Field(
        None, description="Name of the task; made from the operator's when left out."
    )
    args: Values = Field(default_factory=dict, description="Arguments of the operator, which templates them.")

    @model_validator(mode="after")
    def _arguments(self) -> OwnTask:
        for name, advice in _NOT_IN_ARGS.items():
            if name in self.args:
                raise FieldError(f"{name} is not an argument here: {advice}", "args", name)
        return self

    @property
    def id(self) -> str:
        """The id of the task."""
        return self.task_id or default_task_id(self.operator)


class TaskAfter(OwnTask):
    """A task of one's own after the training."""

    when: Literal["success", "always"] = Field(
        "success", description="`always`: also after a failure or a rejection, which it does not hide."
    )
