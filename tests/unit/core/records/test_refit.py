"""What is said of the model that has learned all rows."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_mlops.core.records import Agreement, ModelRef, Refit
from tests.support.defaults import said_by_default

JUDGED = ModelRef(name="churn", model_uri="m", run_id="r", digest="d", params={}, rows=8_000)
REFIT = Refit(
    name="churn", model_uri="n", run_id="0123456789ab", digest="e", params={}, rows=10_000, judged=JUDGED,
    agreement=Agreement(2_000, 0.985, 0.9994, 0.0123),
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            Agreement(9, 0.985, 0.9994, 0.0123),
            "98.5 % equal labels, correlation 0.999, mean difference 0.0123",
        ),
        (Agreement(9, 1.0), "100.0 % equal labels"),
        (Agreement(9, None, 0.5, 12.345), "correlation 0.500, mean difference 12.3"),
        (Agreement(9, 0.0, None, 0.0), "0.0 % equal labels, mean difference 0"),
        (Agreement(9), ""),
    ],
)
def test_an_agreement_says_what_there_is(found: Agreement, text: str) -> None:
    assert str(found) == text


def test_the_summary_has_the_rows_of_both_and_how_they_agree() -> None:
    text = (
        "fitted on 10,000 rows, the hold-out among them (the judged model: 8,000), in MLflow as run "
        "01234567; the two agree on the hold-out: 98.5 % equal labels, correlation 0.999, mean "
        "difference 0.0123"
    )
    assert REFIT.summary == text
    assert dataclasses.replace(REFIT, caution="compare the two").summary == f"{text}; compare the two"


def test_a_judged_model_that_is_kept_says_why() -> None:
    kept = dataclasses.replace(REFIT, kept="it has learned all rows", caution="none of this")
    assert kept.summary == "the judged model is registered: it has learned all rows"


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Agreement, {}), (Refit, {})],
)
def test_a_field_that_an_earlier_release_did_not_write_is_empty(kind: Any, said: dict[str, Any]) -> None:
    assert said_by_default(kind) == said


def test_the_figures_are_said_to_be_those_of_the_judged_model() -> None:
    text = (
        "The registered model has learned all 10,000 rows, the hold-out among them. The figures are those of "
        "the judged model, which has learned 8,000"
    )
    assert dataclasses.replace(REFIT, agreement=None).beside_figures == f"{text}."
    agreed = f"{text}; the two agree on the hold-out: {REFIT.agreement}."
    assert REFIT.beside_figures == agreed
    assert dataclasses.replace(REFIT, caution="compare them").beside_figures == (
        f"{agreed} Caution: compare them."
    )
