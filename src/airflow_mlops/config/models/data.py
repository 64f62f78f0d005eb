"""The sections of the data and of its expectations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from airflow_mlops.config.expectations import expand_one
from airflow_mlops.config.models.event_time import EventTime
from airflow_mlops.config.models.section import Section
from airflow_mlops.config.models.source import Columns, Join, Source
from airflow_mlops.config.values import FieldError, StrictBool, StrictFloat, Text, Values, passes


class Data(Section):
    """The training data: its source, the column to predict, the entity and time keys."""

    source: Source = Field(description="Where the rows come from.")
    target: Text = Field(description="The column to predict.")
    positive: str | bool | int | float | None = Field(
        None,
        description="Class of two that metrics, scores and probabilities are about; required for two texts.",
    )
    max_unknown_labels: StrictFloat = Field(
        0.01,
        ge=0,
        lt=1,
        description="Largest share of judged rows with a label that no training row had; they do not count.",
    )
    time: EventTime | None = Field(
        EventTime(), description="How event times are written; `off`: the last key is not a time."
    )
    keys: tuple[Text, ...] = Field(
        (), validate_default=True, description="Entity columns, then the event-time column."
    )
    columns: Columns = Field(Columns(), description="Which columns are kept.")
    join: tuple[Join, ...] = Field((), description="Further sources whose columns are added by key.")
    holdout: StrictFloat = Field(
        0.2, gt=0, lt=1, description="Share of rows held out: the newest ones if there is an event time."
    )

    @field_validator("keys")
    @classmethod
    def _with_time(cls, keys: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """A time column that is not among the keys is the last of them; no key is there twice."""
        if twice := next((name for name in keys if keys.count(name) > 1), None):
            raise ValueError(f"{twice} is a duplicate: write each key once")
        time = info.data.get("time")
        return (*keys, time.column) if time and time.column and time.column not in keys else keys

    @model_validator(mode="after")
    def _kept(self) -> Data:
        for name in (*self.keys, self.target):
            if name in self.columns.drop:
                raise FieldError(f"cannot drop {name!r}: it is the target or a key", "columns", "drop")
        return self

    @property
    def time_column(self) -> str | None:
        """The column that is, or may be, the event time: the declared one, else the last key."""
        if self.time is None:
            return None
        return self.time.column or (self.keys[-1] if self.keys else None)

    @model_validator(mode="after")
    def _has_column(self) -> Data:
        if self.time and self.time.is_declared and self.time_column is None:
            raise FieldError("an event time needs its column: add `column`", "time")
        return self


class Validate(Section):
    """Expectations that the data must meet, checked by Great Expectations."""

    expect: tuple[Annotated[Values, AfterValidator(passes(expand_one))], ...] = Field(
        (),
        min_length=1,
        description="Expectations: short (`{column: age, min: 18}`), native (`expect_…`), or an own class "
        "(`package.module:Class`).",
    )
    suite: Text | None = Field(
        None, description="Path of a Great Expectations suite (JSON); relative to the pipeline file."
    )
    parameters: Values = Field(
        default_factory=dict, description="Values of `{$PARAMETER: name}` in expectations."
    )
    on_failure: Literal["fail", "warn", "quarantine"] = Field(
        "fail", description="Action on a failed expectation; `quarantine` continues without the bad rows."
    )
    max_quarantine: StrictFloat = Field(
        0.05, gt=0, lt=1, description="Largest share of rows that may be quarantined."
    )
    samples: Literal["examples", "none"] = Field(
        "examples",
        description="What records, logs and pages quote from ingest on: cells, up to 20 per expectation, or "
        "counts only.",
    )

    engine: Literal["great_expectations", "duckdb", "database"] = Field(
        "great_expectations",
        description="What checks the rows; `duckdb` leaves what it cannot decide to Great Expectations, "
        "`database` asks that of a source of type sql and fetches no rows.",
    )
    data_docs: StrictBool = Field(False, description="Also build Great Expectations' Data Docs.")

    @property
    def quotes_cells(self) -> bool:
        """Whether records and messages may quote cells."""
        return self.samples != "none"

    @model_validator(mode="after")
    def _checks_something(self) -> Validate:
        if not self.expect and not self.suite:
            raise FieldError("needs at least one expectation: write `expect` or `suite`", "expect")
        return self
