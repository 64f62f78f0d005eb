from __future__ import annotations

import numpy as np
import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core import GuardPlan
from airflow_mlops.rollout.core.labels_to_come import LabelsToCome, SimulatedLabels

QUALITY = GuardPlan(name="quality", max_ratio=1.5)


@pytest.mark.parametrize("wrong", [{"coverage": (0.0, 1.0)}, {"coverage": (1.0, 1.1)}, {"delay_s": -1.0}])
def test_impossible_labels_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="coverage must be above 0 and at most 1"):
        LabelsToCome(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "configured", "age", "reach"),
    [
        (LabelsToCome(), None, 2.0, 1.0),
        (LabelsToCome(coverage=(0.3, 0.3), delay_s=3600), None, 7200.0, 0.3),
        (LabelsToCome(coverage=(0.3, 0.3), delay_s=3600), 3600.0, 3600.0, 0.3),
        (LabelsToCome(delay_s=3601), 3600.0, 3600.0, 0.0),
        (LabelsToCome(coverage=(0.3, 0.2)), None, 2.0, 0.0),
    ],
)
def test_what_a_guard_hears_of(
    labels: LabelsToCome, configured: float | None, age: float, reach: float
) -> None:
    guard = GuardPlan(name="quality", max_ratio=1.5, label_delay_s=configured)
    assert (labels.judged_after_s(guard), labels.reach(guard)) == (age, reach)
    assert bool(labels.blindness([guard])) == (reach == 0)
    assert labels.blindness([]) == ""
    assert labels.share_for(guard) == min(labels.coverage)
    assert labels.share_for(GuardPlan(name="error_rate", max_ratio=2)) == 1


def test_simulated_labels_come_when_they_are_due_and_are_counted_once() -> None:
    coming, rng = SimulatedLabels(LabelsToCome(coverage=(1.0, 1.0), delay_s=100)), np.random.default_rng(1)
    coming.answered(rng, 25, 0.0, 60.0, ((30, 0.0), (90, 1.0)))
    early, labelled, wrong = coming.seen(25, 1, 159.0, 0.0)
    assert ([row.answers for row in early.rows], labelled, wrong) == ([90], 0, 0)
    there, labelled, wrong = coming.seen(25, 1, 160.0, 0.0)
    assert ([row.age for row in there.rows], labelled, wrong) == ([0.0, 120.0], 90, 90)
    assert coming.seen(25, 0, 160.0, 0.0)[1:] == (30, 0)
    closed, labelled, wrong = coming.seen(25, 1, 170.0, 60.0)
    assert (closed.rows, labelled, wrong) == ((), 90, 90)
    assert coming.seen(25, 1, 180.0, 60.0)[1:] == (90, 90)


def test_a_label_in_a_shadow_is_that_of_both() -> None:
    coming, rng = SimulatedLabels(LabelsToCome(coverage=(0.5, 0.5))), np.random.default_rng(1)
    coming.answered(rng, 0, 0.0, 60.0, ((1000, 0.1), (1000, 0.1)))
    both = [coming.seen(0, side, 60.0, 0.0)[1] for side in (0, 1)]
    assert both[0] == both[1]
    assert 0 < both[0] < 1000
