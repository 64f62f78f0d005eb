"""The sections of watching a champion, window by window."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import ConfigDict, Field

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.models.training import Source
from airflow_mlops.config.values import Duration, Limit, Metric, Moment, Number, Schedule, Truth, Whole


class Drift(Section):
    """When a window counts as drifted."""

    model_config = ConfigDict(populate_by_name=True)
    threshold: Number = Field(0.25, gt=0, description="Effect from which a column counts as drifted.")
    min_share: Number = Field(0.0, ge=0, lt=1, description="Share of columns that must drift (0: any one).")
    windows: Whole = Field(1, alias="for", ge=1, description="Windows in a row before it counts.")


class Performance(Section):
    """Limits on realised quality, window by window."""

    model_config = ConfigDict(populate_by_name=True)
    require: dict[Metric, Limit] = Field(min_length=1, description="Metric to limit, as `>= 0.8`.")
    windows: Whole = Field(2, alias="for", ge=1, description="Windows in a row before it counts.")
    min_labels: Number = Field(0.9, gt=0, le=1, description="Share of labels that a window needs.")
    labels: Source | None = Field(
        None, description="Where labels land: `data.keys` and the target; else they are in `data.source`."
    )
    label_delay: Duration | None = Field(
        None, description="How long after a window's end its labels are expected; later they are overdue."
    )


class Retrain(Section):
    """Which findings start a new training, and how often at most."""

    when: tuple[Literal["drift", "performance"], ...] = Field(
        min_length=1, description="Confirmed findings that start a training."
    )
    cooldown: Duration = Field(timedelta(hours=72), description="Shortest time between two retrainings.")


class Monitor(Section):
    """Watching the champion, window by window."""

    schedule: Schedule = Field(
        description="Cron expression or preset; each run looks at the interval before it."
    )
    start_date: Moment | None = Field(None, description="First window starts here (UTC unless said).")
    end_date: Moment | None = Field(None, description="No window starts after this.")
    catchup: Truth = Field(False, description="Look at every window since start_date, oldest first.")
    drift: Drift | None = Field(Drift(), description="Change of the data; `off` does not look.")
    performance: Performance | None = Field(None, description="Quality, once labels have arrived.")
    retrain: Retrain | None = Field(None, description="When a finding starts a training.")
