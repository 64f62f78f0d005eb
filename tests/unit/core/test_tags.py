"""Tag names are stored in MLflow: they never change, and no two are equal."""

from __future__ import annotations

from airflow_mlops.core import tags


def test_the_names_are_distinct_and_have_the_prefix_of_the_project() -> None:
    names = [value for key, value in vars(tags).items() if key.isupper() and not key.startswith("_")]
    assert len(set(names)) == len(names) == 15
    assert all(name.startswith("mlops.") for name in names)
    assert (tags.APPROVAL_BY, tags.ROLLOUT_OUTCOME) == ("mlops.approval.by", "mlops.rollout.outcome")


def test_a_metric_is_found_again_by_its_tag() -> None:
    assert tags.metric_of(tags.metric_tag("f1")) == "f1"
    assert tags.metric_of(tags.retried_tag("f1")) is None
