from __future__ import annotations

import dataclasses

import pytest

from airflow_mlops.core.records import Comparison
from airflow_mlops.training.core import verdict
from airflow_mlops.training.core.verdict import Found

UNCLEAR = Comparison(
    metric="roc_auc", challenger=0.851, champion=0.85, difference=0.001, low=-0.012, high=0.014,
    limit=">= -0.005", passed=False, outcome="inconclusive", detectable=0.0186, rows=1_000, units=1_000,
)  # fmt: skip
FINE = dataclasses.replace(UNCLEAR, outcome="not_worse", low=-0.004, passed=True)
BAD = dataclasses.replace(UNCLEAR, outcome="worse", difference=-0.19, low=-0.2, high=-0.18)
LIMITS = {"roc_auc": ">= -0.005"}


def found(*items: Comparison, who: str = "the champion, version 3", **more: object) -> Found:
    return Found(who, items, LIMITS, **more)  # type: ignore[arg-type]


def test_without_an_earlier_version_there_is_no_outcome() -> None:
    assert verdict.verdict(()) == verdict.Verdict()


def test_the_worst_comparison_decides() -> None:
    assert verdict.verdict([found(FINE)]).outcome == "not_worse"
    assert verdict.verdict([found(FINE), found(FINE, UNCLEAR)]).outcome == "inconclusive"
    both = verdict.verdict([found(UNCLEAR), found(BAD)])
    assert (both.outcome, len(both.worse), len(both.missing)) == ("worse", 1, 1)


def test_want_of_evidence_says_what_the_hold_out_shows_and_what_would_be_enough() -> None:
    (text,) = verdict.verdict([found(UNCLEAR)]).missing
    assert text == (
        "roc_auc 0.851 against 0.85 of the champion, version 3, difference +0.001, 95 % interval -0.012 to "
        "+0.014 is not >= -0.005 with certainty; 1,000 rows show a difference of 0.019 (80 % power), about "
        "14,000 would show 0.005"
    )
    whole = verdict.rejected([text])
    assert whole.startswith("not enough evidence: roc_auc 0.851")
    assert "evaluate.on_inconclusive" in whole


@pytest.mark.parametrize(
    ("limit", "detectable", "said"),
    [
        (">= 0", 0.02, False),
        (">= 0.01", 0.02, False),
        (">= -0.0001", 0.02, False),
        (">= -0.02", 0.02, False),
        (">= -0.01", 0.02, True),
    ],
)
def test_a_number_of_rows_is_named_only_where_it_is_of_use(limit: str, detectable: float, said: bool) -> None:
    item = dataclasses.replace(UNCLEAR, limit=limit, detectable=detectable)
    (text,) = verdict.verdict([Found("it", [item], {"roc_auc": limit})]).missing
    assert ("would show" in text) is said
    silent = dataclasses.replace(UNCLEAR, detectable=None)
    assert "power" not in verdict.verdict([found(silent)]).missing[0]


def test_a_worse_model_is_told_by_its_upper_bound() -> None:
    (text,) = verdict.verdict([found(BAD)]).worse
    assert text.startswith("worse: roc_auc 0.851 against 0.85 of the champion, version 3, difference -0.19")
    assert text.endswith("not even the upper bound is >= -0.005")
    unlimited = Found("it", [dataclasses.replace(BAD, limit="")], {})
    assert verdict.verdict([unlimited]).worse[0].endswith("all of it is below 0")


def test_a_limit_that_earlier_steps_used_up_says_so() -> None:
    strict = dataclasses.replace(BAD, limit=">= -0.001")
    assert "(what earlier steps left of >= -0.005)" in verdict.verdict([found(strict)]).worse[0]
    open_ = dataclasses.replace(UNCLEAR, limit=">= -0.001")
    assert "(what earlier steps left of >= -0.005)" in verdict.verdict([found(open_)]).missing[0]
    assert "earlier steps" not in verdict.verdict([found(BAD, UNCLEAR)]).worse[0]


def test_few_units_are_counted_and_named() -> None:
    few = dataclasses.replace(UNCLEAR, units=12, unit="entities (shop)")
    (text,) = verdict.verdict([found(few, left_out=40)]).missing
    assert text.startswith("only 12 entities (shop) to compare by (40 rows do not count, it has learned")
    assert "at least 30 are needed" in text
    assert "(40 rows do not count" in verdict.verdict([found(UNCLEAR, left_out=40)]).missing[0]


def test_a_version_that_cannot_be_asked_or_may_know_the_rows_proves_nothing() -> None:
    gone = verdict.verdict([found(problem="no column 'plan'")])
    assert gone.outcome == "inconclusive"
    assert gone.missing[0].startswith("not compared with the champion, version 3 (no column 'plan'); bring")
    known = verdict.verdict([found(BAD, unknown="it does not say what it has learned")])
    assert known == verdict.Verdict(
        "inconclusive", (), ("the comparison with the champion, version 3 proves nothing: it does not say "
                             "what it has learned",)
    )  # fmt: skip
    assert verdict.accepted(gone.missing).startswith("not enough evidence that it is not worse: not compared")
