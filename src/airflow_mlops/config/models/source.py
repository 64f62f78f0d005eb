"""Where rows come from: a source, which of its columns are kept, and further sources that are joined."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, model_validator

from airflow_mlops.config.class_field import described_by, known_in
from airflow_mlops.config.models.event_time import TimeFormat
from airflow_mlops.config.models.section import Section
from airflow_mlops.config.schedule_text import TimeZone
from airflow_mlops.config.values import ConnId, Duration, FieldError, Paths, Text, Values
from airflow_mlops.data.sources import SOURCES

_PLACES: Final = ("filepath", "sql", "conn_id", "callable")


class Source(Section):
    """Where rows come from: a file or folder, a query of a database, or a function that returns a frame."""

    type: Annotated[str, known_in(SOURCES)] = Field(
        description="How the rows are read; a source of one's own is `package.module:Class`.",
        json_schema_extra=described_by(SOURCES),
    )
    filepath: Paths | None = Field(
        None,
        description="Path or URI of a file or folder, a pattern such as `2025-*.csv`, or a list of them; "
        "relative to the pipeline file. Templated.",
    )
    sql: Text | None = Field(
        None,
        description="A query, or the path of a `.sql` file beside the pipeline file (type sql). Templated.",
    )
    conn_id: ConnId | None = Field(
        None, description="Airflow connection of the database, or of the URI's storage."
    )
    callable: Text | None = Field(
        None, description="`module:function` that returns a DataFrame (type callable)."
    )
    load_args: Values = Field(default_factory=dict, description="Arguments of the reader or function.")

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of ``filepath``, one or several; none without it."""
        if self.filepath is None:
            return ()
        return (self.filepath,) if isinstance(self.filepath, str) else self.filepath

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if self.type not in SOURCES.paths:  # an own class says itself what it needs, when it reads
            return self
        facts = SOURCES.load(self.type)
        for name in facts.needs:
            if getattr(self, name) is None:
                raise FieldError(f"a source of type {self.type} needs {name}", name)
        for name in _PLACES:
            if name not in (*facts.needs, *facts.takes) and getattr(self, name) is not None:
                message = f"a source of type {self.type} takes {' and '.join(facts.needs)}, not {name}"
                raise FieldError(message, name)
        return self


class Columns(Section):
    """Which columns of the rows are kept: those named by `use`, or all but those named by `drop`."""

    use: tuple[Text, ...] = Field(
        (), description="Columns that are kept, besides the target and the keys; all when left out."
    )
    drop: tuple[Text, ...] = Field((), description="Columns that are left out.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Columns:
        if self.use and self.drop:
            raise FieldError("must be left out beside `use`: what is not named there is dropped", "drop")
        return self


class Join(Section):
    """A further source: its columns are added to each row that has its key, at most one row to each."""

    source: Source = Field(description="Where the further rows come from.")
    by: tuple[Text, ...] = Field(
        min_length=1,
        description="Columns that both sides have and that are equal in rows that belong together.",
    )
    time: Text | None = Field(
        None,
        description="Time column of the further rows: each row gets the latest one at or before its own "
        "event time. Without it, a key must have one row.",
    )
    format: TimeFormat | None = Field(
        None, description="How `time` is written where it is not ISO 8601, as `data.time.format`."
    )
    timezone: TimeZone | None = Field(
        None, description="Time zone of a `time` without an offset; UTC when left out."
    )
    tolerance: Duration | None = Field(
        None, description="Largest age of the further row at the event time; any when left out."
    )
    columns: Columns = Field(Columns(), description="Which columns of the further source are added.")
    prefix: str = Field("", description="Put before the names of the added columns.")

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The columns that the further rows must have."""
        return (*self.by, *((self.time,) if self.time else ()))

    @model_validator(mode="after")
    def _has_time(self) -> Join:
        if self.tolerance is not None and self.time is None:
            raise FieldError("needs `time`: the age of a row is counted from it", "tolerance")
        for name in ("format", "timezone"):
            if getattr(self, name) is not None and self.time is None:
                raise FieldError("needs `time`: the column that is written so", name)
        if self.time in self.by:
            raise FieldError(f"must not be one of `by`, got {self.time!r}", "time")
        for name in self.columns_needed:
            if name in self.columns.drop:
                raise FieldError(f"cannot drop {name!r}: the rows are joined by it", "columns", "drop")
        return self
