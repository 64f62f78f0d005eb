"""The leak probe on frames of all kinds of columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.config.models import Data, Pipeline
from airflow_mlops.core.errors import DataRejected
from airflow_mlops.core.records import LeakProbe
from airflow_mlops.data import leaks
from tests.support.project import customers


def section(target: str, *keys: str) -> Data:
    source = {"type": "csv", "filepath": "x"}
    return Data.model_validate({"source": source, "target": target, "keys": keys})


def probe(raw: pd.DataFrame, target: str, *keys: str, **more: Any) -> LeakProbe:
    features = raw.drop(columns=[target, *keys])
    return leaks.probe(features, raw, section(target, *keys), **more)


def kinds(found: LeakProbe) -> dict[str, str]:
    return {leak.column: leak.kind for leak in found.leaks}


@pytest.fixture(scope="module")
def passengers() -> pd.DataFrame:
    """Like a well-known table: sex tells much, the boat is known of those who survived."""
    rng = np.random.default_rng(1)
    rows = 1_300
    female = rng.random(rows) < 0.35
    survived = rng.random(rows) < np.where(female, 0.73, 0.19)
    boat = np.where(
        rng.random(rows) < np.where(survived, 0.95, 0.011), rng.choice(["A", "B", "C"], rows), None
    )
    body = np.where(~survived & (rng.random(rows) < 0.15), rng.integers(1, 300, rows), np.nan)
    return pd.DataFrame(
        {
            "survived": np.where(survived, "yes", "no"),
            "sex": np.where(female, "female", "male"),
            "age": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(30, 12, rows)),
            "ticket": [f"T{number}" for number in rng.permutation(rows)],
            "boat": boat,
            "body": body,
            "outcome": pd.Categorical(np.where(survived, "saved", "lost")),
            "flag": pd.array(survived, dtype="boolean"),
            "closed": pd.Timestamp("1912-04-15") + pd.to_timedelta(np.where(survived, 3, 9), "h"),
        }
    )


def test_copies_and_gaps_are_named_and_honest_columns_are_not(passengers: pd.DataFrame) -> None:
    found = probe(passengers, "survived")
    assert kinds(found) == {
        "boat": "gaps", "body": "gaps", "outcome": "copy", "flag": "copy", "closed": "copy",
    }  # fmt: skip
    assert (found.measure, found.rows, found.columns) == ("roc_auc", 1_300, 8)
    details = {leak.column: leak.detail for leak in found.leaks}
    assert "rows with a value are 'no'" in details["body"]
    assert details["flag"] == "is a copy of the target (one-to-one in 1,300 rows)"


def test_no_value_is_quoted_when_cells_are_not(passengers: pd.DataFrame) -> None:
    text = probe(passengers, "survived", samples=False).sentence
    assert "of one class" in text
    assert not {"'yes'", "'no'", "saved", "female"} & set(text.replace(";", " ").split())


def test_columns_that_are_allowed_are_not_reported(passengers: pd.DataFrame) -> None:
    found = probe(passengers.drop(columns=["flag", "closed"]), "survived", allow=("boat", "outcome", "gone"))
    assert kinds(found) == {"body": "gaps"}
    assert found.allowed == ("boat", "outcome")
    assert found.strongest == "sex"
    assert 0.7 < found.score < 0.85


def test_gaps_that_the_feature_function_fills_count(passengers: pd.DataFrame) -> None:
    features = passengers[["body"]].fillna(-1.0)
    found = leaks.probe(features, passengers, section("survived"))
    assert kinds(found) == {"body": "gaps"}


def test_a_number_that_is_told_by_a_level_or_in_order() -> None:
    rng = np.random.default_rng(2)
    plan = rng.integers(0, 30, 900)
    prices = rng.lognormal(3, 1, 30)
    raw = pd.DataFrame(
        {
            "price": prices[plan],
            "plan": np.char.add("plan ", plan.astype(str)),
            "share": 0.19 * prices[plan] + 3,
            "rank": rng.integers(0, 40, 900),
        }
    )
    found = probe(raw, "price")
    assert kinds(found) == {"plan": "copy", "share": "copy"}
    assert found.measure == "r2"


def test_of_an_entity_whose_target_never_changes_one_row_counts() -> None:
    """A column that names the entity tells the target of its other rows, and of nobody else's."""
    rng = np.random.default_rng(3)
    people = pd.DataFrame({"person": range(400), "left": rng.random(400) < 0.5, "card": rng.random(400)})
    raw = people.loc[people.index.repeat(10)].reset_index(drop=True)
    found = probe(raw, "left", "person")
    assert (kinds(found), found.rows) == ({}, 400)
    assert found.score < 0.6


def test_the_entity_counts_wherever_the_time_is_among_the_keys() -> None:
    rng = np.random.default_rng(3)
    people = pd.DataFrame({"person": range(400), "left": rng.random(400) < 0.5, "card": rng.random(400)})
    raw = people.loc[people.index.repeat(10)].reset_index(drop=True)
    raw["day"] = pd.date_range("2026-01-01", periods=len(raw), freq="h")
    source = {"type": "csv", "filepath": "x"}
    for keys in (["person", "day"], ["day", "person"]):
        data = Data.model_validate(
            {"source": source, "target": "left", "keys": keys, "time": {"column": "day"}}
        )
        found = leaks.probe(raw[["card"]], raw, data, dated=True)
        assert (kinds(found), found.rows) == ({}, 400)


def test_entities_are_split_between_what_is_learned_and_what_is_scored() -> None:
    rng = np.random.default_rng(4)
    store = np.repeat(np.arange(40), 100)
    level = rng.normal(size=40)
    raw = pd.DataFrame({"store": store, "sales": level[store] + rng.normal(0, 0.01, 4_000), "city": store})
    found = probe(raw, "sales", "store")
    assert (kinds(found), found.rows) == ({}, 4_000)
    assert found.score < 0.5


def test_rare_classes_are_kept_and_the_sample_is_bounded() -> None:
    rng = np.random.default_rng(5)
    rows = 60_000
    fraud = np.arange(rows) % 200 == 0
    raw = pd.DataFrame(
        {
            "fraud": fraud,
            "amount": rng.lognormal(3, 1, rows),
            "refund": np.where(fraud, rng.uniform(5, 9, rows), rng.uniform(0, 5, rows)),
            "case": np.where(fraud & (rng.random(rows) < 0.4), 1.0, np.nan),
        }
    )
    found = probe(raw, "fraud")
    assert found.rows == 20_000
    assert kinds(found) == {"refund": "predicts", "case": "gaps"}
    assert "(20,000 rows)" in found.sentence


def test_columns_that_cannot_be_compared_are_passed_over() -> None:
    raw = pd.DataFrame({"y": [0, 1] * 100, "lists": [[1], [2]] * 100, "none": [None] * 200})
    assert kinds(probe(raw, "y")) == {}


def pipeline(leaks_: Any) -> Pipeline:
    return Pipeline.model_validate(
        {
            "name": "churn",
            "data": {"source": {"type": "csv", "filepath": "x"}, "target": "churned"},
            "train": {"estimator": "sklearn.linear_model.LogisticRegression"},
            "evaluate": {"metrics": ["roc_auc"], "leaks": leaks_},
        }
    )


def test_a_possible_leak_is_refused_where_the_file_says_so() -> None:
    raw = customers(300)
    features = raw.drop(columns="churned")
    with pytest.raises(DataRejected, match=r"a possible leak of the target: refund is a copy .*leaks\.allow"):
        leaks.check(features, raw, pipeline("refuse"))
    warned = leaks.check(features, raw, pipeline("warn"))
    assert warned is not None
    assert "refund" in warned.sentence
    assert leaks.check(features, raw, pipeline(None)) is None
    allowed = leaks.check(features, raw, pipeline({"action": "refuse", "allow": ["refund"]}))
    assert allowed is not None
    assert allowed.sentence == ""


def test_an_allowed_name_that_is_no_feature_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    raw = customers(300)
    leaks.check(raw.drop(columns="churned"), raw, pipeline({"allow": ["refunds"]}))
    assert "leaks.allow names refunds, which is not a feature (did you mean refund?)" in caplog.text


def test_a_long_list_is_cut() -> None:
    label = np.arange(200) % 2
    raw = pd.DataFrame({"y": label, **{f"copy{number}": label + number for number in range(14)}})
    found = probe(raw, "y")
    assert len(found.leaks) == 14
    assert found.sentence.startswith("14 possible leaks of the target: copy0 is a copy")
    assert "copy9 is" in found.sentence
    assert "and 4 more" in found.sentence
    assert "copy12" not in found.sentence
