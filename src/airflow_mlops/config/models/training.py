"""The sections of the model and of its tuning."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from airflow_mlops.config.models.preprocess import Preprocess, as_auto, preprocess_mapping
from airflow_mlops.config.models.running import Resources
from airflow_mlops.config.models.section import Section, short_forms
from airflow_mlops.config.models.threshold import Threshold, threshold_mapping
from airflow_mlops.config.row_choice import Sample, Window
from airflow_mlops.config.space import check_form
from airflow_mlops.config.values import FieldError, OwnKeys, StrictInt, Text, Values

_MOST_PATIENCE: Final = 10_000


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
    serialization: Literal["auto", "skops", "cloudpickle"] = Field(
        "auto",
        description="Format of the logged model: `skops` builds objects of listed types only; `cloudpickle` "
        "holds your code, which loading runs; `auto`: `skops`, unless the file names code of your own.",
    )
    resources: Resources | None = Field(
        None, description="Resources of the pods of `tune`, `train` and `refit`."
    )

    @model_validator(mode="after")
    def _no_weights_beside_a_threshold(self) -> Train:
        if self.threshold and self.weights:
            raise FieldError("cannot be combined with `weights`: remove one of them", "threshold")
        return self
