from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from airflow_mlops.config.models.evaluation import Evaluate
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
    assert verdict.verdict(()) == verdict.Verdict("", (), ())


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
    for nothing in (None, 0.0, float("nan")):
        silent = dataclasses.replace(UNCLEAR, detectable=nothing)
        assert verdict.verdict([found(silent)]).missing[0].endswith("is not >= -0.005 with certainty")


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


@pytest.mark.parametrize(
    ("times", "rows"), [(1.0, ""), (1.5, "1,500"), (99.5, "100,000"), (100.0, "100,000"), (100.5, "")]
)
def test_up_to_a_hundred_times_the_rows_are_named(times: float, rows: str) -> None:
    """The standard error falls with the root of the rows: a hundred times as many for a tenth of it."""
    item = dataclasses.replace(UNCLEAR, limit=">= -0.01", detectable=0.01 * times**0.5)
    (text,) = verdict.verdict([found(item)]).missing
    assert (f", about {rows} would show 0.01" in text) is bool(rows)
    assert ("would show" in text) is bool(rows)


@pytest.mark.parametrize(("limit", "detectable"), [("", 5.0), (">= 0.5", 5.0), ("> 0", 5.0)])
def test_without_a_tolerated_loss_no_number_of_rows_is_named(limit: str, detectable: float) -> None:
    item = dataclasses.replace(UNCLEAR, limit=limit, detectable=detectable)
    (text,) = verdict.verdict([Found("it", [item], {})]).missing
    assert text.endswith("; 1,000 rows show a difference of 5 (80 % power)")


def test_without_a_limit_zero_lies_in_an_open_interval() -> None:
    item = dataclasses.replace(UNCLEAR, limit="", detectable=None)
    (text,) = verdict.verdict([Found("it", [item], {})]).missing
    assert text.endswith("difference +0.001, 95 % interval -0.012 to +0.014 has 0 in it")


@pytest.mark.parametrize(
    ("value", "rounded"), [(7.6, 8), (13.4, 13), (99.6, 100), (137.0, 140), (13_742.0, 14_000)]
)
def test_a_number_of_rows_has_two_digits(value: float, rounded: int) -> None:
    assert verdict._rounded(value) == rounded


@pytest.mark.parametrize(("units", "enough"), [(29, False), (30, True)])
def test_thirty_units_are_enough_to_compare_by(units: int, *, enough: bool) -> None:
    (text,) = verdict.verdict([found(dataclasses.replace(UNCLEAR, units=units))]).missing
    assert text.startswith("roc_auc") is enough
    assert ("at least 30 are needed" in text) is not enough


def test_a_version_with_a_problem_or_without_a_metric_is_not_compared() -> None:
    (text,) = verdict.verdict([found(UNCLEAR, problem="no column 'plan'")]).missing
    assert text == (
        "not compared with the champion, version 3 (no column 'plan'); bring its columns back, or move the "
        "alias champion on purpose"
    )
    (text,) = verdict.verdict([found()]).missing
    assert text.startswith("not compared with the champion, version 3 (nothing to compare by); bring")


def test_a_limit_that_the_file_does_not_have_is_not_said_to_be_used_up() -> None:
    (text,) = verdict.verdict([Found("it", [BAD], {"f1": ">= -0.02"})]).worse
    assert text.endswith("not even the upper bound is >= -0.005")


def test_the_policies_are_those_of_a_pipeline_file() -> None:
    (values, _) = get_args(Evaluate.model_fields["on_inconclusive"].annotation)
    assert get_args(values) == (verdict.REJECT, verdict.ASK, verdict.ACCEPT)
    whole = verdict.rejected(["too few rows"])
    assert whole.startswith("not enough evidence: too few rows: hold out more rows, widen the limit, or set")
    assert whole.endswith("to ask (a person decides) or accept")
    assert verdict.open_question(["a", "b"]) == "not enough evidence: a; b"
    assert verdict.accepted(["a", "b"]) == "not enough evidence that it is not worse: a; b"


def test_a_question_that_nobody_was_asked_says_which_tasks_to_clear() -> None:
    assert verdict.unasked(["too few rows"]) == (
        "not enough evidence: too few rows; a person decides that (evaluate.on_inconclusive: ask), and "
        "nobody "
        "was asked about this champion: clear the task evaluate and those after it"
    )


MORE = "hold out more rows, widen the limit, or "
POLICY = "set evaluate.on_inconclusive to ask (a person decides) or accept"


@pytest.mark.parametrize(
    ("items", "advice"),
    [
        ([found(UNCLEAR)], MORE),
        ([found(UNCLEAR), found(problem="no column 'plan'")], MORE),
        ([found(problem="no column 'plan'")], ""),
        ([found(UNCLEAR, problem="no column 'plan'")], ""),
        ([found(UNCLEAR, unknown="it does not say what it has learned")], ""),
        ([found()], ""),
    ],
)
def test_more_rows_help_where_models_were_compared(items: list[Found], advice: str) -> None:
    seen = verdict.verdict(items)
    assert seen.advice == advice
    said = f": {MORE}{POLICY}" if advice else f", or {POLICY}"
    assert verdict.rejected(["a", "b"], seen.advice) == f"not enough evidence: a; b{said}"


@pytest.mark.parametrize(("step", "said"), [("", "bring its columns back"), ("wait a day", "wait a day")])
def test_what_brings_a_comparison_back_may_be_another_step(step: str, said: str) -> None:
    (text,) = verdict.verdict([found(problem="it is away", next_step=step)]).missing
    assert text.endswith(f"(it is away); {said}, or move the alias champion on purpose")
