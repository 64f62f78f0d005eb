"""The section of the event time: its column, and how it is written."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.schedule_text import TimeZone
from airflow_mlops.config.values import StrictFloat, Text
from airflow_mlops.core.time_format import check_time_format

TimeFormat = Annotated[str, AfterValidator(check_time_format)]


class EventTime(Section):
    """The event time of a row: its column, and how it is written if not as ISO 8601 or a timestamp."""

    column: Text | None = Field(None, description="Event-time column; the last of `keys` when left out.")
    format: TimeFormat | None = Field(
        None,
        description="How text and numbers are written: `%d.%m.%Y %H:%M`, `%Y%m%d`, `iso`, `epoch_s`, "
        "`epoch_ms`, `epoch_us` or `epoch_ns`; ISO 8601 when left out.",
    )
    timezone: TimeZone | None = Field(
        None, description="Time zone of times without an offset, as `Europe/Berlin`; UTC when left out."
    )
    max_quarantine: StrictFloat = Field(
        0.0, ge=0, lt=1, description="Largest share of rows without a readable time that may be quarantined."
    )

    @property
    def is_declared(self) -> bool:
        """Whether the file says that there is an event time, so that nothing is concluded from values."""
        return any((self.column, self.format, self.timezone, self.max_quarantine))
