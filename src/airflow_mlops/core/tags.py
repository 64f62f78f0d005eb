"""The names of the tags on MLflow runs, model versions and logged models."""

from __future__ import annotations

from typing import Final

# How the registered model and its judged twin agree on the hold-out, in words.
AGREEMENT: Final = "mlops.agreement"
AGREEMENT_CAUTION: Final = "mlops.agreement.caution"
APPROVAL: Final = "mlops.approval"
APPROVAL_AT: Final = "mlops.approval.at"
APPROVAL_BY: Final = "mlops.approval.by"
# In the metadata of a logged model: the types of the columns that its MLflow signature leaves open.
COLUMN_TYPES: Final = "mlops.column_types"
CONFIG_DIGEST: Final = "mlops.config_digest"
DATA_DIGEST: Final = "mlops.data_digest"
EVALUATION: Final = "mlops.evaluation"
# The model that was judged, on a version whose own model has learned the rows of the hold-out as well.
JUDGED_DIGEST: Final = "mlops.judged_model_digest"
JUDGED_MODEL_URI: Final = "mlops.judged_model_uri"
JUDGED_ROWS: Final = "mlops.judged_rows"
JUDGED_RUN: Final = "mlops.judged_run_id"
LEARNED_ROWS: Final = "mlops.learned_rows"
MODEL_DIGEST: Final = "mlops.model_digest"
PIPELINE: Final = "mlops.pipeline"
ROLLOUT_AT: Final = "mlops.rollout.at"
ROLLOUT_ID: Final = "mlops.rollout.id"
ROLLOUT_OUTCOME: Final = "mlops.rollout.outcome"
ROLLOUT_REASON: Final = "mlops.rollout.reason"
STAGE: Final = "mlops.stage"
TASK_KEY: Final = "mlops.task_key"
WORKER: Final = "mlops.worker"
_METRIC: Final = "mlops.metric."
_RETRIED: Final = "mlops.retried."


def metric_tag(name: str) -> str:
    """Return the tag of a metric.

    >>> metric_tag("roc_auc")
    'mlops.metric.roc_auc'
    """
    return f"{_METRIC}{name}"


def metric_of(tag: str) -> str | None:
    """Return the metric that a tag holds, or None for another tag.

    >>> metric_of("mlops.metric.roc_auc"), metric_of(STAGE)
    ('roc_auc', None)
    """
    return tag.removeprefix(_METRIC) if tag.startswith(_METRIC) else None


def retried_tag(param: str) -> str:
    """Return the tag that keeps a parameter's value of a later try."""
    return f"{_RETRIED}{param}"
