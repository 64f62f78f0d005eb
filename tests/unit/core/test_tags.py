"""Tag names are stored in MLflow: they never change, and no two are equal."""

from __future__ import annotations

from airflow_mlops.core import tags

STORED = {
    "AGREEMENT": "mlops.agreement",
    "AGREEMENT_CAUTION": "mlops.agreement.caution",
    "ALIVE_AT": "mlops.alive_at",
    "ANCHOR": "mlops.anchor",
    "ANCHOR_LOST": "mlops.anchor.lost",
    "APPROVAL": "mlops.approval",
    "APPROVAL_ANSWERS": "mlops.approval.answers",
    "APPROVAL_AT": "mlops.approval.at",
    "APPROVAL_BY": "mlops.approval.by",
    "AUTHOR": "mlops.author",
    "CLOSED": "mlops.closed",
    "CODE_DIGEST": "mlops.code_digest",
    "COLUMN_TYPES": "mlops.column_types",
    "CONFIG_DIGEST": "mlops.config_digest",
    "DATA_DIGEST": "mlops.data_digest",
    "EVALUATION": "mlops.evaluation",
    "GATE_CAUTION": "mlops.gate.caution",
    "GATE_OUTCOME": "mlops.gate.outcome",
    "GIT_CHANGED": "mlops.git.changed",
    "GIT_COMMIT": "mlops.git.commit",
    "JUDGED_DIGEST": "mlops.judged_model_digest",
    "JUDGED_MODEL_URI": "mlops.judged_model_uri",
    "JUDGED_ROWS": "mlops.judged_rows",
    "JUDGED_RUN": "mlops.judged_run_id",
    "LEARNED": "mlops.learned",
    "LEARNED_ROWS": "mlops.learned_rows",
    "MODEL_DIGEST": "mlops.model_digest",
    "MODEL_FILES": "mlops.model_files",
    "MODEL_FORMAT": "mlops.model_format",
    "PIPELINE": "mlops.pipeline",
    "POSITIVE_CLASS": "mlops.positive_class",
    "PROCESS": "mlops.process",
    "ROLLOUT_AT": "mlops.rollout.at",
    "ROLLOUT_ID": "mlops.rollout.id",
    "ROLLOUT_OUTCOME": "mlops.rollout.outcome",
    "ROLLOUT_REASON": "mlops.rollout.reason",
    "STAGE": "mlops.stage",
    "TASK_KEY": "mlops.task_key",
    "TRUSTED_TYPES": "mlops.trusted_types",
    "WORKER": "mlops.worker",
}
"""What stands in the MLflow servers of users: changing a name loses what they have stored under it."""


def test_what_users_have_stored_is_found_again() -> None:
    """A new name is added here, so that a later release cannot change it without a word."""
    assert {name: value for name, value in vars(tags).items() if name.isupper() and name[0] != "_"} == STORED
    assert tags.metric_tag("f1") == "mlops.metric.f1"
    assert tags.retried_tag("C") == "mlops.retried.C"


def test_the_names_are_distinct_and_have_the_prefix_of_the_project() -> None:
    assert len(set(STORED.values())) == len(STORED)
    assert all(name.startswith("mlops.") for name in STORED.values())


def test_a_metric_is_found_again_by_its_tag() -> None:
    assert tags.metric_of(tags.metric_tag("f1")) == "f1"
    assert tags.metric_of(tags.retried_tag("f1")) is None
