"""The sections of monitoring a champion, window by window."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from airflow_mlops.config.models.scheduling import MonitorSchedule
from airflow_mlops.config.models.section import Section, short_forms
from airflow_mlops.config.models.source import Source
from airflow_mlops.config.schedule_text import window_mapping
from airflow_mlops.config.values import (
    Duration,
    Limit,
    Metric,
    StrictBool,
    StrictFloat,
    StrictInt,
    Timestamp,
)


class Drift(Section):
    """When a window counts as drifted."""

    model_config = ConfigDict(populate_by_name=True)
    threshold: StrictFloat = Field(0.25, gt=0, description="Effect size from which a column has drifted.")
    min_share: StrictFloat = Field(0.0, ge=0, lt=1, description="Share of columns that must drift (0: any).")
    windows: StrictInt = Field(1, alias="for", ge=1, description="Consecutive windows that confirm a drift.")


class Performance(Section):
    """Limits on realised quality, window by window."""

    model_config = ConfigDict(populate_by_name=True)
    require: dict[Metric, Limit] = Field(min_length=1, description="Limit per metric, as `>= 0.8`.")
    windows: StrictInt = Field(2, alias="for", ge=1, description="Consecutive windows that confirm a loss.")
    min_labels: StrictFloat = Field(
        0.9, gt=0, le=1, description="Share of labelled rows that a window needs."
    )
    labels: Source | None = Field(
        None,
        description="Source of the labels (`data.keys` and the target); `data.source` when left out.",
    )
    label_delay: Duration | None = Field(
        None,
        description="Time after a window's end by which its labels are expected; later they are overdue.",
    )


class Retrain(Section):
    """Which findings start a new training, and how often at most."""

    when: tuple[Literal["drift", "performance"], ...] = Field(
        min_length=1, description="Confirmed findings that start a training."
    )
    cooldown: Duration = Field(timedelta(hours=72), description="Shortest time between two retrainings.")


class Monitor(Section):
    """Monitoring of the champion, window by window."""

    schedule: Annotated[MonitorSchedule, BeforeValidator(window_mapping)] = Field(
        description="Cron expression or preset; each run covers the interval before it.",
        json_schema_extra=short_forms("string"),
    )
    start_date: Timestamp | None = Field(None, description="Start of the first window (UTC by default).")
    end_date: Timestamp | None = Field(None, description="No window starts after this time.")
    catchup: StrictBool = Field(False, description="Run every window since `start_date`, oldest first.")
    drift: Drift | None = Field(Drift(), description="Drift of the data; `off` disables it.")
    performance: Performance | None = Field(None, description="Realised quality, once labels have arrived.")
    retrain: Retrain | None = Field(None, description="When a finding starts a training.")
