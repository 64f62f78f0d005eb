"""Tag names are stored in MLflow: they never change, and no two are equal."""

from __future__ import annotations

from airflow_mlops.core import tags

STORED = {
    "APPROVAL": "mlops.approval",
    "APPROVAL_AT": "mlops.approval.at",
    "APPROVAL_BY": "mlops.approval.by",
    "CONFIG_DIGEST": "mlops.config_digest",
    "DATA_DIGEST": "mlops.data_digest",
    "EVALUATION": "mlops.evaluation",
    "MODEL_DIGEST": "mlops.model_digest",
    "PIPELINE": "mlops.pipeline",
    "ROLLOUT_AT": "mlops.rollout.at",
    "ROLLOUT_ID": "mlops.rollout.id",
    "ROLLOUT_OUTCOME": "mlops.rollout.outcome",
    "ROLLOUT_REASON": "mlops.rollout.reason",
    "STAGE": "mlops.stage",
    "TASK_KEY": "mlops.task_key",
    "WORKER": "mlops.worker",
}
"""What stands in the MLflow servers of users: changing a name loses what they have stored under it."""


def test_what_users_have_stored_is_found_again() -> None:
    assert {key: value for key, value in vars(tags).items() if key in STORED} == STORED
    assert tags.metric_tag("f1") == "mlops.metric.f1"
    assert tags.retried_tag("C") == "mlops.retried.C"


def test_the_names_are_distinct_and_have_the_prefix_of_the_project() -> None:
    names = [value for key, value in vars(tags).items() if key.isupper() and not key.startswith("_")]
    assert len(set(names)) == len(names) >= 16
    assert all(name.startswith("mlops.") for name in names)


def test_a_metric_is_found_again_by_its_tag() -> None:
    assert tags.metric_of(tags.metric_tag("f1")) == "f1"
    assert tags.metric_of(tags.retried_tag("f1")) is None
