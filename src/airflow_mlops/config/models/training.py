"""The sections from the source of the data to a person's approval."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from airflow_mlops.config.class_field import described_by, known_in
from airflow_mlops.config.expectations import check_entry
from airflow_mlops.config.models.running import Resources
from airflow_mlops.config.models.section import Section
from airflow_mlops.config.space import check_form
from airflow_mlops.config.values import ConnId, Duration, KeyFault, Limit, Metric, Number, Text, Values, Whole
from airflow_mlops.data.sources import SOURCES

_PLACES: Final = ("filepath", "sql", "conn_id", "callable")


class Source(Section):
    """Where rows come from: a file or folder, a query of a database, or a function that returns a frame."""

    type: Annotated[str, known_in(SOURCES)] = Field(
        description="How the rows are read; a source of one's own is `package.module:Class`.",
        json_schema_extra=described_by(SOURCES),
    )
    filepath: Text | None = Field(None, description="Path or URI; relative to the pipeline file. Templated.")
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

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if self.type not in SOURCES.paths:  # an own class says itself what it needs, when it reads
            return self
        facts = SOURCES.load(self.type)
        for name in facts.needs:
            if getattr(self, name) is None:
                raise KeyFault(f"a source of type {self.type} needs {name}", name)
        for name in _PLACES:
            if name not in (*facts.needs, *facts.takes) and getattr(self, name) is not None:
                message = f"a source of type {self.type} takes {' and '.join(facts.needs)}, not {name}"
                raise KeyFault(message, name)
        return self


class Data(Section):
    """The training data: its source, the column to predict, the entity and time keys."""

    source: Source = Field(description="Where the rows come from.")
    target: Text = Field(description="The column to predict.")
    keys: tuple[Text, ...] = Field((), description="Entity columns, then the event time as the last one.")
    holdout: Number = Field(
        0.2, gt=0, lt=1, description="Share of rows held out: the newest if there is a time."
    )

    @property
    def time(self) -> str | None:
        """The event-time column: the last key."""
        return self.keys[-1] if self.keys else None


class Validate(Section):
    """Expectations that the data must meet, checked by Great Expectations."""

    expect: tuple[Annotated[dict[str, Any], AfterValidator(check_entry)], ...] = Field(
        min_length=1, description="Expectations, short (`{column: age, min: 18}`) or native (`expect_…`)."
    )
    on_failure: Literal["fail", "warn", "quarantine"] = Field(
        "fail", description="What a failed expectation does; `quarantine` goes on without the bad rows."
    )
    max_quarantine: Number = Field(
        0.05, gt=0, lt=1, description="Largest share of rows that quarantine may take out."
    )


class Tune(Section):
    """Search over the estimator's parameters, spread over mapped workers."""

    space: dict[str, Annotated[tuple[Any, ...], AfterValidator(check_form)]] = Field(
        min_length=1, description="Parameter to `[low, high]`, `[low, high, log]` or a list of choices."
    )
    n_trials: Whole = Field(20, ge=1, le=10_000, description="Trials over all workers.")
    workers: Whole = Field(1, ge=1, le=64, description="Mapped tasks that search side by side.")
    sampler: Literal["tpe", "random"] = Field("tpe", description="How the next trial is chosen.")
    seed: Whole = Field(7, ge=0, le=2**31 - 1, description="Seed of the sampler.")


class Train(Section):
    """What learns: a dotted path to anything with fit and predict."""

    estimator: Text = Field(description="Dotted path, such as `sklearn.ensemble.RandomForestClassifier`.")
    params: Values = Field(default_factory=dict, description="Arguments of the estimator.")
    tune: Tune | None = Field(None, description="Leave out to train with `params` as they are.")
    resources: Resources | None = Field(None, description="What the pods of `tune` and `train` get.")


class Evaluate(Section):
    """The gate: metrics, floors, and the comparison with the champion on one hold-out."""

    metrics: tuple[Metric, ...] = Field(min_length=1, description="Metrics; the first one steers tuning.")
    require: dict[Metric, Limit] = Field(default_factory=dict, description="Metric to limit, as `>= 0.8`.")
    against_champion: dict[Metric, Limit] = Field(
        default_factory=dict,
        description="Metric to the limit on the lower confidence bound of challenger minus champion.",
    )
    slices: dict[str, Annotated[dict[Metric, Limit], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Column of the raw rows to the limits that each of its values must hold.",
    )
    min_slice_rows: Whole = Field(
        100, ge=1, description="Hold-out rows that a value needs; one with fewer is told and not judged."
    )


class Approve(Section):
    """A person's yes before traffic moves."""

    by: tuple[Text, ...] = Field(min_length=1, description="Airflow users who may answer.")
    within: Duration = Field(timedelta(hours=24), description="Time to answer.")
    on_timeout: Literal["reject", "approve"] = Field("reject", description="The answer when nobody answers.")
