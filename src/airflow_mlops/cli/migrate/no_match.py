"""The values of a recipe that no pipeline file has, and what to do instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.core.connection import MLFLOW_CONN_ID

METRIC: Final = (
    "choose a metric from docs/guides/evaluate.md, or name a function of truth and predictions there as "
    "`max module:function`"
)
UNKNOWN: Final = "this command does not know it: see docs/reference/pipeline.md for the known keys"
_MLFLOW: Final = (
    f"airflow connections add {MLFLOW_CONN_ID} --conn-type mlops_mlflow --conn-host URI, with this URI"
)
_BATCH: Final = (
    "a champion is served and does not score files: add `deploy`, or score in a task of your own with "
    "mlflow.pyfunc.load_model('models:/{name}@champion')"
)
_VERSION: Final = "read this version of the table in the function that you write for data.source"
NO_MATCH: Final[Mapping[KeyPath, str]] = {
    ("experiment", "tracking_uri"): _MLFLOW,
    ("experiment", "artifact_location"): "MLflow's server decides it: mlflow server --default-artifact-root",
    ("model_registry", "uri"): f"registry and runs are in one MLflow here: {_MLFLOW}",
    ("model_registry", "registry_uri"): f"registry and runs are in one MLflow here: {_MLFLOW}",
    ("custom_metrics",): METRIC,
    ("metrics", "custom"): METRIC,
    ("steps", "ingest", "version"): _VERSION,
    ("steps", "ingest", "timestamp"): _VERSION,
    ("steps", "ingest_scoring"): _BATCH,
    ("steps", "predict"): _BATCH,
    ("steps", "split", "split_method"): (
        "name the entity and time columns in data.keys: no function chooses the hold-out"
    ),
    ("steps", "split", "post_split_method"): (
        "apply it to all rows in a function of data.source, or in `features`"
    ),
    ("steps", "train", "time_budget_secs"): "there is no AutoML: set train.tune.n_trials",
    ("steps", "train", "flaml_params"): "there is no AutoML: write train.tune.space",
    ("steps", "train", "predict_scores_for_all_classes"): (
        "an answer holds the prediction: let predict return the scores"
    ),
    ("steps", "train", "predict_prefix"): "an answer holds the prediction, without names",
    ("steps", "train", "calibrate_proba"): (
        "return sklearn.calibration.CalibratedClassifierCV from estimator_method"
    ),
}
"""``{name}`` is the pipeline's."""
