"""No part of the hold-out is clearly worse than with the champion: by an interval that counts all parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.config.models import Evaluate
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training.contest import Challenge, Contest, Pair
from airflow_mlops.training.core import metrics, slice_limits
from airflow_mlops.training.core.units import Units, each_row
from airflow_mlops.training.slice_contest import against_champion

PLANS = np.array(["a", "b", "c", "d"])


def section(limits: Mapping[str, str], **more: Any) -> Evaluate:
    given = {"metrics": ["accuracy"], "slices_against_champion": {"plan": limits}, **more}
    return Evaluate.model_validate(given)


def answers(truth: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> metrics.Outcome:
    """A model that is right where ``right`` says so, with scores of the same quality."""
    predicted = np.where(right, truth, 1 - truth)
    return metrics.classification(truth, predicted, [0, 1], 0.2 + 0.6 * predicted)


def contest(
    mine: metrics.Outcome, theirs: metrics.Outcome, plan: Any, units: Units | None = None
) -> tuple[Challenge, Contest]:
    rows, count = pd.DataFrame({"plan": plan}), mine.rows
    challenge = Challenge(rows, pd.Series(mine.truth), mine, units or each_row(count))
    return challenge, Contest(3, pair=Pair(np.ones(count, dtype=bool), mine, theirs))


def test_a_model_that_is_worse_for_one_value_is_found_although_the_whole_is_better() -> None:
    rng = np.random.default_rng(0)
    plan, truth = PLANS[np.arange(2_000) % 4], rng.integers(0, 2, 2_000)
    theirs = answers(truth, rng.random(2_000) < 0.8)
    mine = answers(truth, rng.random(2_000) < np.where(plan == "c", 0.55, 0.95))
    found = against_champion(*contest(mine, theirs, plan), section({"accuracy": ">= -0.02"}))
    outcomes = {item.value: item.comparisons[0].outcome for item in found}
    assert outcomes == {"a": "not_worse", "b": "not_worse", "c": "worse", "d": "not_worse"}
    (reason,) = slice_limits.worse(found)
    assert reason.startswith("worse for plan=c (500 rows): accuracy 0.5")
    assert "for all 4 comparisons of slices together, not even the upper bound is >= -0.02" in reason
    (alone,) = [item for item in found if item.value == "c"]
    assert "together" not in slice_limits.worse([alone])[0]


def test_equal_models_are_refused_in_few_trainings_however_many_slices_there_are() -> None:
    """Nominal: 2.5 % of all trainings, whatever the number of slices; within 3 standard errors."""
    rng, trials, refused = np.random.default_rng(1), 120, 0
    plan = np.repeat(np.arange(12).astype(str), 100)
    limits = section({"accuracy": ">= 0"})
    for _ in range(trials):
        truth = rng.integers(0, 2, 1_200)
        mine, theirs = (answers(truth, rng.random(1_200) < 0.8) for _ in range(2))
        refused += bool(slice_limits.worse(against_champion(*contest(mine, theirs, plan), limits)))
    assert refused / trials <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / trials)


def test_small_slices_are_reported_and_judge_nothing() -> None:
    truth = np.arange(400) % 2
    right, wrong = np.ones(400, dtype=bool), np.zeros(400, dtype=bool)
    plan = np.array(["few"] * 12 + ["many"] * 388)
    pair = contest(answers(truth, wrong), answers(truth, right), plan)
    few, many = against_champion(*pair, section({"accuracy": ">= 0"}))
    assert (few.comparisons, few.skipped) == ((), "fewer than 100 rows")
    assert [item.outcome for item in many.comparisons] == ["worse"]
    entities = Units(np.arange(400) % 20, "entities (shop)")
    found = against_champion(
        *contest(answers(truth, wrong), answers(truth, right), plan, entities), section({"accuracy": ">= 0"})
    )
    assert {item.skipped for item in found} == {"fewer than 100 rows", "fewer than 30 entities (shop)"}
    assert slice_limits.worse(found) == ()
    assert slice_limits.silent(found) == (
        "no value of plan can be compared with the champion (many: fewer than 30 entities (shop)); hold out "
        "more rows, or lower evaluate.min_slice_rows",
    )


@pytest.mark.parametrize(
    ("ones", "judged"), [(0, {"accuracy"}), (9, {"accuracy"}), (10, {"accuracy", "recall"})]
)
def test_a_metric_about_a_class_needs_ten_of_each(ones: int, judged: set[str]) -> None:
    truth = np.r_[np.ones(ones, dtype=int), np.zeros(200 - ones, dtype=int)]
    right = np.random.default_rng(0).random(200) < 0.7
    pair = contest(answers(truth, right), answers(truth, ~right), ["all"] * 200)
    (item,) = against_champion(*pair, section({"accuracy": ">= -0.9", "recall": ">= -0.9"}))
    assert {found.metric for found in item.comparisons} == judged
    (alone,) = against_champion(*pair, section({"recall": ">= -0.9"}))
    assert bool(alone.comparisons) is ("recall" in judged)
    assert alone.skipped == ("" if "recall" in judged else "fewer than 10 rows of a class")


def test_without_answers_that_count_there_is_nothing_and_a_column_must_be_there() -> None:
    truth = np.arange(200) % 2
    model = answers(truth, np.ones(200, dtype=bool))
    challenge, champion = contest(model, model, ["all"] * 200)
    limits = section({"accuracy": ">= 0"})
    assert against_champion(challenge, None, limits) == ()
    assert against_champion(challenge, Contest(3, problem="gone"), limits) == ()
    assert against_champion(challenge, Contest(3, unknown="x", pair=champion.pair), limits) == ()
    with pytest.raises(ConfigError, match=r"slices_against_champion: the hold-out has no column 'plan'"):
        against_champion(
            Challenge(pd.DataFrame({"pla": truth}), challenge.target, model, each_row(200)), champion, limits
        )
