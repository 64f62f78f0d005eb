from __future__ import annotations

import pytest

from airflow_mlops.core.records import Comparison
from airflow_mlops.training.core import anchor
from airflow_mlops.training.core.anchor import Anchor


def against(metric: str, low: float, high: float = 0.01) -> Comparison:
    return Comparison(metric, 0.8, 0.8, 0.0, low, high, ">= -0.005", True)


def test_tags_say_who_the_anchor_is_and_are_read_again() -> None:
    assert anchor.anchor_of(4, {}) == Anchor(4)
    tags = anchor.tags_of(7, 3, {"roc_auc": 0.0012345678912})
    assert tags == {"mlops.anchor": "3", "mlops.anchor.lost": '{"roc_auc": 0.001234568}'}
    assert anchor.anchor_of(7, tags) == Anchor(3, {"roc_auc": 0.001234568})
    assert anchor.tags_of(7, None, {})["mlops.anchor"] == "7"


@pytest.mark.parametrize("text", ["", "[1]", "{", "7", '{"roc_auc": "much"}', '{"roc_auc": null}'])
def test_tags_that_somebody_else_wrote_are_not_read(text: str) -> None:
    assert anchor.lost_of({"mlops.anchor.lost": text}) == {}
    assert anchor.anchor_of(2, {"mlops.anchor": "best"}).version == 2


def test_what_was_lost_is_taken_from_the_tolerance_and_never_more_than_all_of_it() -> None:
    limits = {"roc_auc": ">= -0.01", "f1": "> -0.02", "recall": ""}
    left = anchor.left_of(limits, Anchor(1, {"roc_auc": 0.004, "f1": 0.5, "recall": 1.0}))
    assert left == {"roc_auc": ">= -0.006", "f1": "> 0", "recall": ""}
    assert anchor.left_of(limits, Anchor(1)) == {"roc_auc": ">= -0.01", "f1": "> -0.02", "recall": ""}
    assert anchor.tolerance(">= 0.01", 0.5) == ">= 0.01"


def test_the_total_limit_is_that_of_one_step_unless_it_is_given() -> None:
    steps = {"roc_auc": ">= -0.005", "f1": ">= 0.02", "recall": ""}
    assert anchor.total_limits(steps, {}) == {"roc_auc": ">= -0.005", "f1": ">= 0", "recall": ""}
    assert anchor.total_limits(steps, {"roc_auc": ">= -0.02"})["roc_auc"] == ">= -0.02"


def test_the_stricter_of_two_limits_holds() -> None:
    steps = {"a": ">= -0.005", "b": ">= -0.002", "c": ">= 0", "d": "", "e": ""}
    left = {"a": ">= -0.001", "b": ">= -0.01", "c": "> 0", "d": ">= -0.01", "e": ""}
    expected = {"a": ">= -0.001", "b": ">= -0.002", "c": "> 0", "d": ">= -0.01", "e": ""}
    assert anchor.stricter(steps, left) == expected


def test_only_a_version_that_is_not_worse_at_all_becomes_the_anchor() -> None:
    before = Anchor(3, {"roc_auc": 0.001})
    assert anchor.following(before, [against("roc_auc", -0.003)]) == Anchor(3, {"roc_auc": 0.004})
    assert anchor.following(before, [against("roc_auc", 0.0)]) == Anchor(None, {"roc_auc": 0.001})
    assert anchor.following(before, [against("roc_auc", 0.5)]) == Anchor(None, {"roc_auc": 0.0})
    nothing = [against("roc_auc", float("nan"), float("nan"))]
    assert anchor.following(before, nothing) == before
    assert anchor.following(before, []) == before


def test_a_new_anchor_keeps_what_a_second_metric_may_have_lost() -> None:
    found = anchor.following(Anchor(3, {"f1": 0.002}), [against("roc_auc", 0.01), against("f1", -0.003)])
    assert found.version is None
    assert found.lost == pytest.approx({"roc_auc": 0.0, "f1": 0.005})


def test_losses_of_many_steps_never_exceed_the_tolerance_when_anchors_get_lost() -> None:
    """Each champion takes the place of an anchor that is gone: the lower bounds still add up to one limit."""
    now, total = Anchor(1), 0.0
    for version in range(2, 60):
        left = anchor.left_of({"roc_auc": ">= -0.01"}, now)["roc_auc"]
        low = -0.003
        if low < float(left.removeprefix(">= ")):
            continue
        total += low
        now = Anchor(version, anchor.following(now, [against("roc_auc", low)]).lost)
    assert total == pytest.approx(-0.009)
