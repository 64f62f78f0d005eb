"""The card as a page: what it says, that it loads nothing, escapes everything and is well-formed."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from airflow_mlops.cards.page import card_page, unjudged_page, with_registered
from airflow_mlops.cards.training import Training
from airflow_mlops.core.records import (
    BudgetCheck,
    Check,
    Comparison,
    Leak,
    LeakProbe,
    Preprocessing,
    SliceCheck,
    SliceComparison,
)
from airflow_mlops.training.core import metrics
from tests.support import cards

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Parses a page strictly: each tag is closed in its order; keeps attributes and the text per section."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), tag
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def checked(training: Training) -> str:
    """Return the text of a card whose page holds what every card must."""
    html = card_page(training)
    assert len(html.encode()) <= 300_000
    page = Page(html)
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "form"}
    assert not {name for name, _ in page.attributes} & {"src", "href", "onload", "onclick", "srcset"}
    style = html[html.index("<style>") : html.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    assert "prefers-color-scheme: dark" in style
    assert 'name="viewport"' in html
    assert not re.search(r"\bnan\b", html)
    return page.text


REGRESSION = np.random.default_rng(1).normal(size=(2, 800))


def many_classes(size: int) -> metrics.Outcome:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, size, 2_000)
    said = np.where(rng.random(2_000) < 0.7, truth, rng.integers(0, size, 2_000))
    return metrics.classification(truth, said, list(range(size)))


def test_the_answer_comes_first_and_every_part_is_there() -> None:
    text = checked(cards.training())
    assert text.index("Better than version 2 by 0.027 roc_auc (0.023–0.031).") < text.index("Comparison")
    for part in (
        "Metrics Met 1 limit is met.", "ROC curve", "Precision and recall", "Calibration", "Decisions",
        "Importance of columns hour matters most: 0.122 roc_auc.", "Slices", "origin = LGA", "Data and split",
        "218,569 rows to learn from, 54,712 to judge on.", "12 expectations on 273,281 rows hold",
        "by time: time_hour", "the strongest is hour, AUC 0.620", "flights_features:build",
        "HistGradientBoostingClassifier", "max_leaf_nodes = 25", "Lineage", "859389bf6597",
        "mlflow.pyfunc.load_model", "0.684–0.695", "Trusted types sklearn.tree._tree.Tree",
        "Format skops (the file names no code of your own): loading",
        "0.610 (0.599–0.621)", "judged 28 Nov 2026 10:05 UTC",
    ):  # fmt: skip
        assert part in text, part


def test_figures_of_the_run_stand_beside_those_of_the_hold_out() -> None:
    scores = {"train.roc_auc": 0.75, "cv.roc_auc": 0.70, "cv.roc_auc.std": 0.01}
    tags = {
        "mlops.git.commit": "abcdef0123456789",
        "mlops.git.changed": "churn.yaml",
        "mlops.code_digest": "feed",
    }
    found = cards.evaluation(dummy={"log_loss": 0.44})
    text = checked(cards.training(evaluation=found, scores=scores, tags=tags))
    assert "Metric This model 95 % interval Limit Dummy On training In folds" in text
    assert "roc_auc 0.690 0.684–0.695 >= 0.6 – 0.750 0.700" in text
    assert "abcdef012345, with changes in churn.yaml" in text


def test_probabilities_that_are_off_are_said_beside_the_verdict() -> None:
    assert "Its probabilities are too high (0." in checked(cards.training())
    said = cards.two_classes()
    truth = (np.random.default_rng(1).random(said.rows) < said.scores).astype(int)
    fair = metrics.classification(truth, said.predicted, [0, 1], said.scores)
    assert "Its probabilities" not in checked(cards.training(outcome=fair))


def test_a_threshold_is_shown_where_it_decides() -> None:
    found = cards.evaluation(model=replace(cards.MODEL, threshold=0.25))
    text = checked(cards.training(evaluation=found))
    assert "threshold 0.250" in text
    assert "Predicted “late” from a probability of 0.250." in text


def test_the_steps_before_the_estimator_and_what_was_left_out_are_listed() -> None:
    steps = Preprocessing(
        {"one_hot": ("carrier", "origin")}, left_out=("ticket",), notes=("ticket is left out",)
    )
    model = replace(cards.MODEL, preprocess=steps, rounds=120)
    text = checked(cards.training(evaluation=cards.evaluation(model=model)))
    assert "Preprocessing one-hot: carrier, origin; left out: ticket" in text
    assert "Early stopping 120 rounds" in text
    assert "ticket is left out" in text


def failed() -> Training:
    worse = Comparison("roc_auc", 0.69, 0.7, -0.01, -0.016, -0.004, ">= -0.005", False)
    leaks = LeakProbe(
        "roc_auc", 20_000, 4, "refund", 1.0, (Leak("refund", "copy", "is a copy of the target"),)
    )
    found = cards.evaluation(
        comparisons=(worse,),
        passed=False,
        reasons=("roc_auc is worse by 0.010, lower bound -0.016 is not >= -0.005", "another one"),
        slices=(SliceCheck("origin", "LGA", 500, (Check("roc_auc", 0.5, ">= 0.6", False),)),),
        checks=(Check("roc_auc", 0.5, ">= 0.6", False),),
    )
    notes = (leaks.sentence, "12 rows have the same keys")
    return cards.training(evaluation=found, features=cards.features(leaks=leaks, notes=notes))


def test_a_failed_gate_says_why_and_what_is_suspected() -> None:
    text = checked(failed())
    assert "Failed the gate" in text
    assert "lower bound -0.016 is not >= -0.005 (and 1 more). It is not registered." in text
    assert "Worse than version 2 by 0.010 roc_auc (0.004–0.016)." in text
    assert "Missed in origin = LGA: roc_auc 0.500, required is >= 0.6." in text
    assert "refund tells the target suspiciously well." in text
    assert "12 rows have the same keys" in text
    assert text.count("is a copy of the target") == 1


def test_a_leak_stands_beside_the_verdict_of_a_model_that_passed() -> None:
    leaks = LeakProbe("roc_auc", 90, 4, "refund", 1.0, (Leak("refund", "copy", "is a copy"),))
    text = checked(cards.training(features=cards.features(leaks=leaks)))
    assert "Possible leak: refund. Check it before these figures are believed." in text


OTHER_TASKS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "numbers": (
        {"outcome": metrics.regression(REGRESSION[0], REGRESSION[0] + 0.3 * REGRESSION[1]), "classes": ()},
        ("Half of the predictions are within", "nine of ten within", "Calibration"),
    ),
    "constant numbers": (
        {"outcome": metrics.regression(np.ones(30), np.ones(30)), "classes": ()},
        ("Half of the predictions are within 0.000",),
    ),
    "five classes": (
        {"outcome": many_classes(5), "classes": tuple("abcde")},
        ("of the rows are predicted correctly.", "predicted “e”"),
    ),
    "many classes": (
        {"outcome": many_classes(200), "classes": tuple(map(str, range(200)))},
        ("of 200 classes", "The most frequent mistakes."),
    ),
    "no probabilities": (
        {"outcome": replace(cards.two_classes(), probabilities=None)},
        ("of the rows predicted “late” are right;",),
    ),
}


@pytest.mark.parametrize(("changes", "parts"), OTHER_TASKS.values(), ids=OTHER_TASKS)
def test_other_tasks_have_their_own_panels(changes: dict[str, Any], parts: tuple[str, ...]) -> None:
    text = checked(cards.training(**changes))
    for part in parts:
        assert part in text
    assert "ROC curve" not in text


def test_with_nothing_to_show_each_part_says_so() -> None:
    """The first version, four rows, one class, no probe, no importances, a column name that is markup."""
    evaluation = cards.evaluation(
        metrics={"roc_auc": float("nan")}, checks=(), comparisons=(), slices=(), champion_version=None, rows=4
    )
    outcome = metrics.classification([0, 0, 0, 0], [0, 0, 0, 1], [0, 1], np.array([0.1, 0.2, 0.3, 0.9]))
    text = checked(
        cards.training(
            evaluation=evaluation,
            features=cards.features(leaks=None, validation="", features=()),
            outcome=outcome,
            importances=None,
            no_importances="shuffling columns failed: ValueError",
            intervals={},
            params={},
            tags={},
            function="",
        )
    )
    for part in (
        "There is no champion to compare with.", "No limit is set", "The hold-out has one class only",
        "Too few rows", "No row of the hold-out is “late”.", "shuffling columns failed",
        "No part of the hold-out", "no expectations", "The leak probe is off.", "0 features.",
        "none: the columns as they are", "not known",
    ):  # fmt: skip
        assert part in text, part


def test_a_person_is_asked_and_the_anchor_and_the_power_are_shown() -> None:
    found = Comparison(
        "roc_auc", 0.69, 0.689, 0.001, -0.012, 0.014, ">= -0.005", False, outcome="inconclusive",
        detectable=0.018, unit="entities (customer)",
    )  # fmt: skip
    evaluation = cards.evaluation(
        comparisons=(found,),
        against_anchor=(replace(found, difference=-0.002),),
        anchor_version=1,
        outcome="inconclusive",
        left_out=41,
        passed=False,
        asks=True,
        reasons=("not enough evidence against the champion, version 2",),
    )
    text = checked(cards.training(evaluation=evaluation))
    for part in (
        "A person decides", "Asked: not enough evidence", "Comparison Not enough evidence",
        "Anchor, version 1", "draws the same entities (customer) for both",
        "41 rows that the champion has learned from did not count.",
        "A difference of 0.018 roc_auc or more would be seen in 4 of 5 such hold-outs.",
    ):  # fmt: skip
        assert part in text, part
    refused = checked(cards.training(evaluation=replace(evaluation, asks=False)))
    assert "Refused: not enough evidence against the champion, version 2." in refused
    assert "Failed the gate" not in refused


def test_a_champion_that_could_not_be_compared_is_named_with_the_reason() -> None:
    found = cards.evaluation(comparisons=(), not_compared="KeyError: 'gone'")
    text = checked(cards.training(evaluation=found))
    assert "Not compared with version 2." in text
    assert "KeyError: 'gone'" in text


MARKUP = '<b onclick="x">&\''


def test_names_and_values_of_the_user_are_escaped_everywhere() -> None:
    leaks = LeakProbe("roc_auc", 9, 1, MARKUP, 0.9, (Leak(MARKUP, "copy", MARKUP),), (MARKUP,))
    item = replace(cards.importances().items[0], column=MARKUP)
    found = cards.evaluation(
        metrics={MARKUP: 0.5},
        checks=(Check(MARKUP, 0.5, ">= 0.6", False),),
        comparisons=(Comparison(MARKUP, 0.5, 0.5, 0.0, -0.1, 0.1, "", True),),
        slices=(SliceCheck(MARKUP, MARKUP, 9, (Check(MARKUP, 0.5, ">= 0.6", False),)),),
        reasons=(MARKUP,),
        passed=False,
        caution=MARKUP,
    )
    whole = cards.training(
        pipeline=MARKUP,
        evaluation=replace(found, model=replace(cards.MODEL, params={MARKUP: MARKUP}, model_uri=MARKUP)),
        features=cards.features(
            leaks=leaks, notes=(MARKUP,), features=(MARKUP,), split=MARKUP, validation=MARKUP
        ),
        classes=(MARKUP, MARKUP),
        importances=replace(cards.importances(), items=(item,)),
        params={"estimator": MARKUP},
        tags={"mlops.task_key": MARKUP},
        function=MARKUP,
        target=MARKUP,
    )
    checked(whole)
    html = card_page(whole)
    assert "<b " not in html
    assert html.count("&lt;b onclick=") >= 20


def test_without_samples_no_class_and_no_value_of_a_slice_is_shown() -> None:
    found = failed()
    reasons = ("origin=LGA (500 rows): roc_auc 0.5 is not >= 0.6", "KeyError: 'on time'")
    evaluation = replace(found.evaluation, reasons=reasons, caution="labels 'on time' are left out")
    text = checked(replace(found, evaluation=evaluation, samples=False))
    assert "Refused: origin, value 1 (500 rows): roc_auc 0.5" in text
    assert not [word for word in ("LGA", "on time", "“late”") if word in text]
    assert "origin, value 1" in text
    assert "class 2" in text
    assert "Cells are not shown" in text


def test_with_one_metric_the_champion_stands_beside_it() -> None:
    one = cards.evaluation(metrics={"roc_auc": 0.69})
    assert "Champion version 2 +0.027 roc_auc Learned from" in checked(cards.training(evaluation=one))
    first = replace(one, champion_version=None, comparisons=())
    assert "Champion none yet" in checked(cards.training(evaluation=first))


def test_long_lists_are_cut() -> None:
    many = tuple(
        SliceCheck("plan", f"p{number}", 200, (Check("roc_auc", 0.7, ">= 0.6", True),))
        for number in range(100)
    )
    wide = cards.features(features=tuple(f"column {number}" for number in range(3_000)))
    text = checked(cards.training(evaluation=cards.evaluation(slices=many), features=wide))
    assert "76 more are not shown" in text
    assert "and 2,976 more" in text


def test_the_champion_is_drawn_beside_with_its_name_and_the_rows_that_count() -> None:
    champion = cards.two_classes(2_800, seed=5)
    found = cards.training(champion=champion)
    text = checked(found)
    assert text.count("champion, version 2 (dashed)") == 2
    assert text.count("The champion's curve is of the 2,800 rows that it has not learned from.") == 2
    assert card_page(found).count('class="other"') == 2
    alone = checked(cards.training())
    assert "dashed" not in alone
    one = champion.part(champion.truth == 0)
    assert "dashed" not in checked(cards.training(champion=one))
    whole = checked(cards.training(champion=cards.two_classes(seed=5)))
    assert "dashed" in whole
    assert "curve is of the" not in whole


@pytest.mark.parametrize(
    ("latency", "size", "said"),
    [
        ("met", "met", "Budget Met Time of one row: 12.3 ms, the budget is 50ms."),
        ("met", "beyond", "Budget Beyond Size of files: 3.2 MB, the budget is 2MB."),
        ("unclear", "met", "Budget Not judged Time of one row: 12.3 ms, the budget is 50ms."),
    ],
)
def test_what_the_model_costs_is_held_against_its_budget(latency: str, size: str, said: str) -> None:
    budget = (
        BudgetCheck("latency", 0.0123, "50ms", latency, "median 12.3 ms, 95 % within 18.2 ms"),
        BudgetCheck("size", 3.2e6, "2MB", size, "3.2 MB"),
    )
    text = checked(cards.training(evaluation=cards.evaluation(budget=budget)))
    assert said in text
    assert "One row: median 12.3 ms, 95 % within 18.2 ms." in text
    assert ("the machine was too busy" in text) is (latency == "unclear")
    assert "Budget" not in checked(cards.training())


def compared(difference: float, outcome: str) -> Comparison:
    low, high = difference - 0.03, difference + 0.03
    return Comparison("roc_auc", 0.7, 0.7 - difference, difference, low, high, ">= -0.02", True, outcome)


def test_slices_against_the_champion_begin_with_the_one_that_lost_most() -> None:
    slices = (
        SliceComparison("carrier", "UA", 900, (compared(0.01, "inconclusive"),)),
        SliceComparison("carrier", "AA", 412, (compared(-0.09, "worse"),)),
        SliceComparison("carrier", "HA", 12, skipped="fewer than 100 rows"),
    )
    text = checked(cards.training(evaluation=cards.evaluation(against_slices=slices)))
    assert "Worse in 1 slice Clearly worse in carrier = AA: −0.090 roc_auc." in text
    assert "of all 2 comparisons together. In 1 slice the rows are too few to be sure." in text
    assert "1 slice is not compared: fewer than 100 rows." in text
    hidden = checked(cards.training(evaluation=cards.evaluation(against_slices=slices), samples=False))
    assert "carrier, value 2" in hidden
    assert "carrier = " not in hidden
    fine = checked(cards.training(evaluation=cards.evaluation(against_slices=slices[:1])))
    assert "Not clearly worse Lowest in carrier = UA: +0.010 roc_auc; not clearly worse." in fine
    none = checked(cards.training(evaluation=cards.evaluation(against_slices=slices[2:])))
    assert "None compared No slice has rows enough to be compared." in none


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"anchor_version": 1, "anchor": 1, "lost": {"roc_auc": 0.006}},
            "It stays the anchor; with this model at most 0.006 roc_auc may have been lost since.",
        ),
        ({"anchor_version": 1, "anchor": 1, "lost": {"roc_auc": 0.0}}, "version 1. It stays the anchor."),
        (
            {"anchor": None, "lost": {"roc_auc": 0.0}},
            "best earlier champion. This model takes its place when it is registered.",
        ),
        ({"anchor_version": 1, "passed": False}, "The anchor is the best earlier champion, version 1."),
    ],
)
def test_the_anchor_is_named_with_what_may_have_been_lost(changes: dict[str, Any], said: str) -> None:
    assert said in checked(cards.training(evaluation=cards.evaluation(**changes)))
    assert "anchor" not in checked(cards.training())


def test_the_page_of_a_registered_version_says_which_model_that_is() -> None:
    page = card_page(cards.training())
    found = with_registered(page, "It has learned all 12 rows, <all> of them.")
    assert "It has learned all 12 rows, <all> of them." in Page(found).text
    assert "learned all 12" not in page
    assert page.count("<!-- registered -->") == 1


def test_a_model_that_could_not_be_judged_has_a_card_with_the_reason() -> None:
    nothing = metrics.Outcome("regression", np.zeros(0), np.zeros(0))
    evaluation = cards.evaluation(
        metrics={}, checks=(), slices=(), comparisons=(), passed=False,
        reasons=("it could not be judged: metric F1 is nan on <5> rows",),
    )  # fmt: skip
    page = Page(unjudged_page(cards.training(outcome=nothing, evaluation=evaluation, intervals={})))
    assert "It could not be judged: metric F1 is nan on <5> rows. It is not registered." in page.text
    assert "Held out 54,712 rows" in page.text
    assert "218,569 rows to learn from" in page.text
    assert not page.tags & {"script", "link", "img"}
