from __future__ import annotations

import pytest

from airflow_mlops.training.core import gates
from airflow_mlops.training.core.comparison import Interval


@pytest.mark.parametrize(
    ("limit", "value", "passed"),
    [
        (">= 0.8", 0.8, True),
        ("> 0.8", 0.8, False),
        ("<=0.5", 0.51, False),
        (" < 1e-3 ", 0.0005, True),
        (">= -2", -1.0, True),
    ],
)
def test_a_limit_holds_as_it_reads(limit: str, value: float, passed: bool) -> None:
    assert gates.check("m", value, limit).passed is passed


def test_the_comparison_is_judged_by_its_lower_bound_and_shows_losses_with_their_own_sign() -> None:
    interval = Interval(challenger=-0.40, champion=-0.45, difference=0.05, low=-0.01, high=0.11)
    found = gates.compare("log_loss", interval, ">= 0", larger_is_better=False)
    assert (found.challenger, found.champion, found.passed) == (0.40, 0.45, False)
    (reason,) = gates.reasons((), (found,))
    assert (
        reason == "log_loss 0.4 against the champion's 0.45: better by +0.05, lower bound -0.01 is not >= 0"
    )
    assert gates.compare("log_loss", interval, ">= -0.02", larger_is_better=False).passed


def test_only_what_failed_is_a_reason() -> None:
    checks = (gates.check("roc_auc", 0.58, ">= 0.6"), gates.check("f1", 0.9, ">= 0.6"))
    assert gates.reasons(checks, ()) == ("roc_auc 0.58 is not >= 0.6",)
