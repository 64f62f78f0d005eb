"""The names of the tags on MLflow runs, model versions and logged models."""

from __future__ import annotations

from typing import Final

# When the task that has a run open gave its last sign of life.
ALIVE_AT: Final = "mlops.alive_at"
# How the registered model and its judged twin agree on the hold-out, in words.
AGREEMENT: Final = "mlops.agreement"
AGREEMENT_CAUTION: Final = "mlops.agreement.caution"
# The best earlier champion that a version was held against, and per metric what it may have lost since.
ANCHOR: Final = "mlops.anchor"
ANCHOR_LOST: Final = "mlops.anchor.lost"
APPROVAL: Final = "mlops.approval"
# The answers of several people, each with its time.
APPROVAL_ANSWERS: Final = "mlops.approval.answers"
APPROVAL_AT: Final = "mlops.approval.at"
APPROVAL_BY: Final = "mlops.approval.by"
# The person who started the training; not there when no person did.
AUTHOR: Final = "mlops.author"
# Why a run that a dead task left open was closed.
CLOSED: Final = "mlops.closed"
# The sources of the user's modules that are inside a model.
CODE_DIGEST: Final = "mlops.code_digest"
# In the metadata of a logged model: the types of the columns that its MLflow signature leaves open.
COLUMN_TYPES: Final = "mlops.column_types"
CONFIG_DIGEST: Final = "mlops.config_digest"
DATA_DIGEST: Final = "mlops.data_digest"
EVALUATION: Final = "mlops.evaluation"
GATE_CAUTION: Final = "mlops.gate.caution"
GATE_OUTCOME: Final = "mlops.gate.outcome"
# Files of the pipeline's folder that differ from the commit.
GIT_CHANGED: Final = "mlops.git.changed"
GIT_COMMIT: Final = "mlops.git.commit"
# What a model has learned, in words; the first part of its version's description.
LEARNED: Final = "mlops.learned"
# The model that was judged, on a version whose own model has learned the rows of the hold-out as well.
JUDGED_DIGEST: Final = "mlops.judged_model_digest"
JUDGED_MODEL_URI: Final = "mlops.judged_model_uri"
JUDGED_ROWS: Final = "mlops.judged_rows"
JUDGED_RUN: Final = "mlops.judged_run_id"
LEARNED_ROWS: Final = "mlops.learned_rows"
MODEL_DIGEST: Final = "mlops.model_digest"
# On a logged model: the SHA-256 of its files, without which it is not loaded.
MODEL_FILES: Final = "mlops.model_files"
PIPELINE: Final = "mlops.pipeline"
# The process that has a run open.
PROCESS: Final = "mlops.process"
# The class of two that the figures of a version, and its scores, are about.
POSITIVE_CLASS: Final = "mlops.positive_class"
ROLLOUT_AT: Final = "mlops.rollout.at"
ROLLOUT_ID: Final = "mlops.rollout.id"
ROLLOUT_OUTCOME: Final = "mlops.rollout.outcome"
ROLLOUT_REASON: Final = "mlops.rollout.reason"
STAGE: Final = "mlops.stage"
TASK_KEY: Final = "mlops.task_key"
# The format of the model's file, what loading it does, and why it was chosen, in words.
MODEL_FORMAT: Final = "mlops.model_format"
# The types that loading a model in the format of skops builds, beside those that skops trusts by itself.
TRUSTED_TYPES: Final = "mlops.trusted_types"
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
