"""The sections of a pipeline file, one frozen model each; an unknown key is an error."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from airflow_mlops.config.expectations import check_entry
from airflow_mlops.config.space import check_form
from airflow_mlops.config.values import Duration, Limit, Metric, Moment, Name, Schedule, Values
from airflow_mlops.config.values import format_duration as format_duration
from airflow_mlops.config.values import parse_duration as parse_duration

GuardAction = Literal["warn", "pause", "rollback"]


class Section(BaseModel):
    """Base of all sections: frozen, and no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Source(Section):
    """Where rows come from: a file or folder that pandas reads, or a function that returns a frame."""

    type: Literal["parquet", "csv", "json", "callable"] = Field(description="How the rows are read.")
    filepath: str | None = Field(None, description="Path or URI; relative to the pipeline file. Templated.")
    callable: str | None = Field(None, description="`module:function` returning a DataFrame (type callable).")
    load_args: Values = Field(default_factory=dict, description="Arguments of the reader or function.")

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        wanted, other = ("callable", "filepath") if self.type == "callable" else ("filepath", "callable")
        if getattr(self, wanted) is None:
            raise ValueError(f"a source of type {self.type} needs {wanted}")
        if getattr(self, other) is not None:
            raise ValueError(f"a source of type {self.type} takes {wanted}, not {other}")
        return self


class Data(Section):
    """The training data: its source, the column to predict, the entity and time keys."""

    source: Source = Field(description="Where the rows come from.")
    target: str = Field(description="The column to predict.")
    keys: tuple[str, ...] = Field((), description="Entity columns, then the event time as the last one.")
    holdout: float = Field(
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
    on_failure: Literal["fail", "warn"] = Field("fail", description="What a failed expectation does.")


class Tune(Section):
    """Search over the estimator's parameters, spread over mapped workers."""

    space: dict[str, Annotated[tuple[Any, ...], AfterValidator(check_form)]] = Field(
        min_length=1, description="Parameter to `[low, high]`, `[low, high, log]` or a list of choices."
    )
    n_trials: int = Field(20, ge=1, le=10_000, description="Trials over all workers.")
    workers: int = Field(1, ge=1, le=64, description="Mapped tasks that search side by side.")
    sampler: Literal["tpe", "random"] = Field("tpe", description="How the next trial is chosen.")
    seed: int = Field(7, ge=0, description="Seed of the sampler.")


class Train(Section):
    """What learns: a dotted path to anything with fit and predict."""

    estimator: str = Field(description="Dotted path, such as `sklearn.ensemble.RandomForestClassifier`.")
    params: Values = Field(default_factory=dict, description="Arguments of the estimator.")
    tune: Tune | None = Field(None, description="Leave out to train with `params` as they are.")


class Evaluate(Section):
    """The gate: metrics, floors, and the comparison with the champion on one hold-out."""

    metrics: tuple[Metric, ...] = Field(min_length=1, description="Metrics; the first one steers tuning.")
    require: dict[Metric, Limit] = Field(default_factory=dict, description="Metric to limit, as `>= 0.8`.")
    against_champion: dict[Metric, Limit] = Field(
        default_factory=dict,
        description="Metric to the limit on the lower confidence bound of challenger minus champion.",
    )


class Approve(Section):
    """A person's yes before traffic moves."""

    by: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="Airflow users who may answer."
    )
    within: Duration = Field(timedelta(hours=24), description="Time to answer.")
    on_timeout: Literal["reject", "approve"] = Field("reject", description="The answer when nobody answers.")


class ErrorRateGuard(Section):
    """Failed predictions of the canary against the champion's."""

    max_ratio: float = Field(2.0, gt=1, description="Promotion needs evidence that the ratio is below this…")
    tolerance: float = Field(0.02, gt=0, lt=1, description="…or that the canary's rate is below this.")


class LatencyGuard(Section):
    """Answers slower than the champion's 95th percentile, frozen when the canary begins."""

    max_ratio: float = Field(2.0, gt=1, description="How many times as often the canary may be that slow.")
    action: GuardAction = Field("rollback", description="What harm does.")


class QualityGuard(Section):
    """Wrong predictions, once the label of a logged request is known (`POST /labels`)."""

    max_ratio: float = Field(1.5, gt=1, description="Promotion needs evidence that the ratio is below this…")
    tolerance: float | None = Field(None, gt=0, lt=1, description="…or that the wrong share is below this.")
    action: GuardAction = Field("rollback", description="What harm does.")


class ShiftGuard(Section):
    """Scores that fall into the champion's deciles more or less often than the champion's own."""

    max_ratio: float = Field(1.5, gt=1, description="How far a decile may grow or shrink (1/max_ratio).")
    action: GuardAction = Field("warn", description="What a shift does; a better model shifts too.")


class Guards(Section):
    """What is watched during a canary; only errors unless said. `{}` turns one on with its defaults."""

    error_rate: ErrorRateGuard = Field(ErrorRateGuard(), description="Failed predictions.")
    latency_p95: LatencyGuard | None = Field(None, description="Slow answers.")
    quality: QualityGuard | None = Field(None, description="Wrong predictions.")
    prediction_shift: ShiftGuard | None = Field(None, description="Scores spread differently.")


class Canary(Section):
    """Traffic steps and the sequential test that ends each of them."""

    shadow: Duration | None = Field(
        None, description="Before the first step: how long the version answers copies that nobody sees."
    )
    steps: tuple[int, ...] = Field((5, 25, 50), min_length=1, description="Canary traffic per step, percent.")
    hold: Duration = Field(timedelta(minutes=30), description="Shortest time of a step.")
    step_timeout: Duration = Field(timedelta(hours=6), description="Longest time of a step.")
    min_requests: int = Field(100, ge=1, description="Canary requests that a step needs.")
    guards: Guards = Field(Guards(), description="What ends a canary early when it is worse.")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="Guaranteed limit of false rollbacks.")
    on_inconclusive: Literal["pause", "promote", "rollback"] = Field(
        "pause", description="What happens when a step times out without enough evidence."
    )
    poll: Duration = Field(timedelta(seconds=10), description="Time between two looks.")

    @model_validator(mode="after")
    def _increasing(self) -> Canary:
        if any(not 0 < step < 100 for step in self.steps):
            raise ValueError(f"steps are percents between 1 and 99, got {list(self.steps)}")
        if list(self.steps) != sorted(set(self.steps)):
            raise ValueError(f"steps must increase, got {list(self.steps)}")
        return self


class Deploy(Section):
    """Where the model is served and how a new version gets there."""

    target: Literal["local"] = Field("local", description="`local` is the embedded server.")
    conn_id: str = Field("mlops_serving_default", description="Airflow connection of the server.")
    canary: Canary = Field(Canary(), description="How a new version gets its traffic, step by step.")


class Drift(Section):
    """When a window counts as drifted."""

    model_config = ConfigDict(populate_by_name=True)
    threshold: float = Field(0.25, gt=0, description="Effect from which a column counts as drifted.")
    min_share: float = Field(0.0, ge=0, lt=1, description="Share of columns that must drift (0: any one).")
    windows: int = Field(1, alias="for", ge=1, description="Windows in a row before it counts.")


class Performance(Section):
    """Limits on realised quality, window by window."""

    model_config = ConfigDict(populate_by_name=True)
    require: dict[Metric, Limit] = Field(min_length=1, description="Metric to limit, as `>= 0.8`.")
    windows: int = Field(2, alias="for", ge=1, description="Windows in a row before it counts.")
    min_labels: float = Field(0.9, gt=0, le=1, description="Share of labels that a window needs.")


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
    end_date: Moment | None = Field(None, description="No window ends after this.")
    catchup: bool = Field(False, description="Look at every window since start_date, oldest first.")
    drift: Drift | None = Field(Drift(), description="Change of the data; `off` does not look.")
    performance: Performance | None = Field(None, description="Quality, once labels have arrived.")
    retrain: Retrain | None = Field(None, description="When a finding starts a training.")


class Pipeline(Section):
    """One pipeline file: the whole life of one model."""

    version: Literal[1] = Field(1, description="Version of this file format.")
    name: Name = Field(description="Name of the pipeline, its DAGs and its registered model.")
    description: str = Field("", description="One sentence for people.")
    owner: str = Field("airflow", description="Airflow owner of the tasks.")
    tags: tuple[str, ...] = Field((), description="Airflow tags of the DAGs, besides `mlops`.")
    schedule: Schedule | None = Field(
        None, description="When to train: cron expression or preset. Retrain events start one as well."
    )
    retries: int = Field(1, ge=0, le=10, description="Retries of a task that failed for an outside reason.")
    mlflow_conn_id: str = Field("mlops_mlflow_default", description="Airflow connection of MLflow.")
    data: Data = Field(description="The training data.")
    validate_: Validate | None = Field(None, alias="validate", description="What the data must meet.")
    features: str | None = Field(None, description="`module:function`, a plain frame-to-frame function.")
    train: Train = Field(description="What learns.")
    evaluate: Evaluate = Field(description="The gate before registration.")
    approve: Approve | None = Field(None, description="A person's yes before traffic moves.")
    deploy: Deploy | None = Field(None, description="Serving; without it a passed version is champion.")
    monitor: Monitor | None = Field(None, description="Watching the champion.")

    model_config = ConfigDict(populate_by_name=True)

    def effective(self) -> dict[str, Any]:
        """Return the whole configuration, defaults included, as JSON values under the file's own keys."""
        return self.model_dump(mode="json", by_alias=True)
