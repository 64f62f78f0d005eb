"""The sections from the source of the data to the gate."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from airflow_mlops.config.expectations import expand_one
from airflow_mlops.config.models.event_time import EventTime
from airflow_mlops.config.models.holdout import Holdout
from airflow_mlops.config.models.leaks import Leaks, action_mapping
from airflow_mlops.config.models.preprocess import Preprocess, as_auto, preprocess_mapping
from airflow_mlops.config.models.running import Resources
from airflow_mlops.config.models.section import Section, short_forms
from airflow_mlops.config.models.source import Columns, Join, Source
from airflow_mlops.config.models.threshold import Threshold, threshold_mapping
from airflow_mlops.config.row_choice import Sample, Window
from airflow_mlops.config.space import check_form
from airflow_mlops.config.values import (
    FieldError,
    GroupMeasure,
    Limit,
    Metric,
    OwnKeys,
    StrictBool,
    StrictFloat,
    StrictInt,
    Text,
    Values,
    passes,
)

_MOST_PATIENCE: Final = 10_000


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


class Tune(Section):
    """Search over the estimator's parameters, distributed over mapped tasks."""

    space: dict[str, Annotated[tuple[Any, ...], *OwnKeys, AfterValidator(check_form)]] = Field(
        min_length=1,
        description="Range per parameter: `[low, high]`, `[low, high, log]` or a list of choices.",
    )
    n_trials: StrictInt = Field(20, ge=1, le=10_000, description="Number of trials, over all workers.")
    workers: StrictInt = Field(1, ge=1, le=64, description="Mapped tasks that search in parallel.")
    sampler: Literal["tpe", "random"] = Field("tpe", description="Optuna sampler.")
    seed: StrictInt = Field(7, ge=0, le=2**31 - 1, description="Seed of the sampler.")


def check_patience(value: object) -> object:
    """Return true, false or a number of rounds; raises ValueError for anything else.

    >>> check_patience(True), check_patience(50)
    (True, 50)
    """
    if isinstance(value, bool):
        return value
    if not isinstance(value, int) or not 1 <= value <= _MOST_PATIENCE:
        raise ValueError(f"must be true, false or rounds from 1 to {_MOST_PATIENCE:,}, got {value!r:.80}")
    return value


PATIENCE_SCHEMA: Final = WithJsonSchema(
    {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 1, "maximum": _MOST_PATIENCE}]}
)


class Train(Section):
    """Model and training settings; the estimator is anything with fit and predict."""

    estimator: Text = Field(description="Dotted path, such as `sklearn.ensemble.RandomForestClassifier`.")
    params: Values = Field(default_factory=dict, description="Arguments of the estimator.")
    preprocess: (
        Annotated[Preprocess, BeforeValidator(preprocess_mapping), PlainSerializer(as_auto)] | None
    ) = Field(
        Preprocess(),
        description="Steps before an estimator that cannot take the features as they are: `auto`, `off`, or "
        "a mapping that gives columns their kind.",
        json_schema_extra=short_forms("string"),
    )
    early_stopping: Annotated[bool | int, BeforeValidator(check_patience), PATIENCE_SCHEMA] = Field(
        False,
        description="Whether boosting ends where rows set aside are predicted best: `true`, or after how "
        "many rounds without a gain.",
    )
    threshold: Annotated[Threshold | None, BeforeValidator(threshold_mapping)] = Field(
        None,
        description="Decision threshold of a two-class model: a probability, or the metric that chooses it.",
        json_schema_extra=short_forms("number", "string"),
    )
    tune: Tune | None = Field(
        None, description="Hyperparameter search; without it, `params` are used as they are."
    )
    window: Window | None = Field(
        None,
        description="Learns only the newest rows: those of this time before the newest one, as `90d`, or so "
        "many rows.",
    )
    sample: Sample | None = Field(
        None, description="Learns a random share of the rows, as `0.1`, or so many; the same ones each time."
    )
    weights: Text | None = Field(
        None, description="Column with the weight of each row in the fit; it is then no feature."
    )
    refit: Literal["all"] | None = Field(
        "all",
        description="What the registered model has learned: `all` rows, by a last fit after the gate; `off`: "
        "what the judged model has learned, without the hold-out.",
    )
    serialization: Literal["cloudpickle", "skops"] = Field(
        "cloudpickle",
        description="Format of the logged model: `cloudpickle` holds your code, which loading runs; `skops` "
        "builds objects of listed types only.",
    )
    resources: Resources | None = Field(
        None, description="Resources of the pods of `tune`, `train` and `refit`."
    )

    @model_validator(mode="after")
    def _no_weights_beside_a_threshold(self) -> Train:
        if self.threshold and self.weights:
            raise FieldError("cannot be combined with `weights`: remove one of them", "threshold")
        return self


class Evaluate(Section):
    """The gate: metrics, floors, and the comparison with the champion on one hold-out."""

    metrics: tuple[Metric, ...] = Field(
        min_length=1, description="Metrics to compute; tuning optimises the first one."
    )
    require: dict[Metric, Limit] = Field(default_factory=dict, description="Limit per metric, as `>= 0.8`.")
    against_champion: dict[Metric, Limit] | None = Field(
        default_factory=dict,
        description="Limit per metric, on the lower confidence bound of challenger minus champion. Without "
        "it, a model that is clearly worse by the first metric is refused; `off`: shown, never refused.",
    )
    on_inconclusive: Literal["reject", "ask", "accept"] | None = Field(
        None,
        description="Decision when the hold-out does not show whether the limits against earlier versions, "
        "or between groups, are met; `reject` when there are limits, else `accept`.",
    )
    against_anchor: dict[Metric, Limit] | None = Field(
        default_factory=dict,
        description="Limit per metric of the total loss since the best earlier champion; by default those of "
        "`against_champion`, at most 0. `off`: losses may add up.",
    )
    slices: dict[str, Annotated[dict[Metric, Limit], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Limits per column of the raw rows, which each value of the column must meet.",
    )
    groups: dict[str, Annotated[dict[GroupMeasure, Limit], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Limits per column of the raw rows on differences between the groups of its values.",
    )
    holdout: Holdout | None = Field(
        None, description="Which rows are held out; the share `data.holdout` when left out."
    )
    leaks: Annotated[Leaks | None, BeforeValidator(action_mapping)] = Field(
        Leaks(),
        description="What happens to features that alone tell the target: `warn`, `refuse` or `off`.",
        json_schema_extra=short_forms("string"),
    )
    min_slice_rows: StrictInt = Field(
        100,
        ge=1,
        description="Minimum hold-out rows per slice or group; smaller ones are reported, not gated.",
    )

    @property
    def test_set(self) -> Source | None:
        """The source of a test set of its own, None when rows of the data are held out."""
        return self.holdout.source if self.holdout else None

    @property
    def champion_limits(self) -> dict[str, str]:
        """The limits against the champion; empty when there are none or they are off."""
        return dict(self.against_champion or {})

    @property
    def anchor_limits(self) -> dict[str, str]:
        """The limits against the anchor that the file gives."""
        return dict(self.against_anchor or {})

    @property
    def asks(self) -> bool:
        """Whether a person decides without enough evidence, so that the task ``decide`` exists."""
        return self.on_inconclusive == "ask" and (self.against_champion is not None or bool(self.groups))

    @property
    def policy(self) -> str:
        """What is done without enough evidence."""
        return self.on_inconclusive or ("reject" if self.against_champion else "accept")

    @property
    def policy_of_groups(self) -> str:
        """What is done without enough evidence about differences between groups."""
        return self.on_inconclusive or "reject"
