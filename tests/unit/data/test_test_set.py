"""A test set of its own: the columns and types of the training rows, and no row that is in both."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected, MlopsError
from airflow_mlops.data.test_set import set_apart

DAY = pd.Timestamp("2024-01-01", tz="UTC")


def section(*keys: str, **more: Any) -> Data:
    source = {"type": "csv", "filepath": "x.csv"}
    return Data.model_validate({"source": source, "target": "y", "keys": keys, **more})


def rows(ids: range, *, first: int = 0, **more: Any) -> pd.DataFrame:
    """A row of each id, one a day, of which every third is of class 1."""
    numbers = list(ids)
    frame = pd.DataFrame({
        "id": numbers,
        "at": [DAY + pd.Timedelta(days=first + number) for number in range(len(numbers))],
        "plan": ["basic", "pro"] * (len(numbers) // 2),
        "y": [int(number % 3 == 0) for number in numbers],
    })  # fmt: skip
    return frame.assign(**more)


def notes(train: pd.DataFrame, test: pd.DataFrame, data: Data) -> str:
    return "; ".join(set_apart(train, test, data)[2])


def test_rows_with_the_same_keys_stay_in_the_test_set_alone() -> None:
    train, test = rows(range(300)), rows(range(290, 400), first=290)
    rest, own, found = set_apart(train, test.assign(plan="other", y=1 - test["y"]), section("id", "at"))
    assert (rest.frame["id"].tolist(), len(own.frame)) == (list(range(290)), 110)
    assert rest.times is not None
    assert len(rest.times) == 290
    assert found == ("10 rows are in the test set as well (the same id, at): left out of the training rows",)


def test_without_keys_rows_are_the_same_that_are_equal_in_every_column() -> None:
    train, test = rows(range(300)), rows(range(150), first=0).drop(columns="at")
    test.loc[0, "plan"] = "other"
    rest, _, found = set_apart(train.drop(columns="at"), test, section())
    assert len(rest.frame) == 300 - 149
    assert "149 rows are in the test set as well (equal in every column)" in found[0]


@pytest.mark.parametrize(
    "ids",
    [
        [2**53, 2**53 + 1, *range(298)],
        [str(number) for number in range(300)],
        [dt.date(2024, 1, 1) + dt.timedelta(days=number) for number in range(300)],
        [None, *range(299)],
    ],
)
def test_large_numbers_texts_days_and_gaps_are_told_apart(ids: list[Any]) -> None:
    train = rows(range(300)).assign(id=pd.Series(ids))
    rest, *_ = set_apart(train, train.iloc[1:151].reset_index(drop=True), section("id", time=None))
    assert len(rest.frame) == 150


def test_types_that_mean_the_same_are_those_of_the_training_rows() -> None:
    train = rows(range(300)).assign(spend=0.5, plan=pd.Series(["basic", "pro"] * 150, dtype="category"))
    test = rows(range(300, 450), first=300).assign(
        at=lambda frame: frame["at"].dt.strftime("%Y-%m-%d %H:%M"), spend=1, more=7
    )
    _, own, found = set_apart(train, test, section("id", "at"))
    assert own.frame.dtypes.drop("plan").to_dict() == train.dtypes.drop("plan").to_dict()
    assert list(own.frame.columns) == list(train.columns)
    assert own.frame["plan"].tolist() == test["plan"].tolist()
    assert own.frame["at"].iloc[0] == DAY + pd.Timedelta(days=300)
    assert found == ("columns of the test set that the training rows lack, left out: more",)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (lambda ids: pd.Series(ids, dtype="category"), lambda ids: ids),
        (lambda ids: pd.Series(ids, dtype="category"), lambda ids: pd.Series(ids, dtype="category")),
        (lambda ids: pd.Series(map(str, ids), dtype="category"), lambda ids: list(map(str, ids))),
        (lambda ids: pd.Series(map(str, ids), dtype="string"), lambda ids: list(map(str, ids))),
        (lambda ids: ids, lambda ids: [float(number) for number in ids]),
        (lambda ids: np.array(ids, dtype="uint64"), lambda ids: ids),
    ],
)
def test_keys_are_the_same_in_every_type_that_can_hold_them(mine: Any, theirs: Any) -> None:
    train, test = rows(range(300)), rows(range(290, 440), first=290)
    train, test = train.assign(id=mine(list(range(300)))), test.assign(id=theirs(list(range(290, 440))))
    rest, *_ = set_apart(train, test, section("id", time=None))
    assert len(rest.frame) == 290


def test_a_key_that_is_missing_names_no_row() -> None:
    train, test = rows(range(300)), rows(range(300, 450), first=300)
    train["id"], test["id"] = train["id"].where(train["id"] > 99), test["id"].where(test["id"] > 301)
    test = pd.concat([test.iloc[:1], train.iloc[1:2], test.iloc[2:]], ignore_index=True)
    rest, *_ = set_apart(train, test, section("id", time=None))
    assert len(rest.frame) == 299


def test_a_day_stays_a_day_and_a_time_beyond_nanoseconds_a_time() -> None:
    train, test = rows(range(300)), rows(range(290, 440), first=290)
    seen = {"seen": pd.Series([DAY] * 300).dt.as_unit("ns")}
    train, test = (
        train.assign(at=train["at"].dt.date, **seen),
        test.assign(at=test["at"].dt.strftime("%Y-%m-%d")),
    )
    test["seen"] = pd.Series([pd.Timestamp("9999-12-31", tz="UTC")] * 150).dt.as_unit("us")
    rest, own, _ = set_apart(train, test, section("id", "at"))
    assert (len(rest.frame), own.frame["at"].iloc[0]) == (290, dt.date(2024, 10, 17))
    assert own.frame["seen"].iloc[0].year == 9999


def test_a_column_without_a_value_is_one_of_numbers_where_the_training_rows_have_numbers() -> None:
    _, own, _ = set_apart(rows(range(300)).assign(n=1), rows(range(300, 450)).assign(n=None), section("id"))
    assert own.frame["n"].dtype == "float64"


def test_what_figures_cannot_say_is_said() -> None:
    train, test = rows(range(300)), rows(range(300, 350), first=100).assign(y=0)
    said = notes(train, test, section("id", "at"))
    assert "no row of the test set is of the class 1: no figure says anything about it" in said
    assert "200 training rows are not older than the first row of the test set" in said
    assert "only 50 rows in the test set: its figures are rough" in said
    later = rows(range(300, 450), first=300)
    assert notes(train, later, section("id", "at")) == ""
    twice = notes(train, pd.concat([later, later.iloc[:7]], ignore_index=True), section("id", "at"))
    assert twice == "7 of 157 rows of the test set have the same id, at as another one: each of them counts"
    assert "of the class 1.0" in notes(
        train.assign(y=train["y"] * 1.0), later.assign(y=0), section("id", "at")
    )


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        (
            lambda test: test.rename(columns={"plan": "plans"}),
            ConfigError,
            "no column 'plan' (did you mean plans?)",
        ),
        (lambda test: test.assign(plan=1), ConfigError, "has 'plan' as int64, the training rows as str"),
        (lambda test: test.assign(id="a"), ConfigError, "has 'id' as str, the training rows as int64"),
        (
            lambda test: test.assign(id=test["id"].astype(str).astype("category")),
            ConfigError,
            "has 'id' as category of text, the training rows as int64",
        ),
        (lambda test: test.assign(at="yesterday"), MlopsError, "the test set"),
        (lambda test: test.assign(y="maybe"), ConfigError, "has 'y' as str"),
        (lambda test: rows(range(300)), DataRejected, "all 300 training rows are in the test set as well"),
    ],
)
def test_another_kind_of_rows_is_no_test_set(change: Any, error: type[MlopsError], reason: str) -> None:
    with pytest.raises(error) as caught:
        set_apart(rows(range(300)), change(rows(range(300, 450))), section("id", "at"))
    assert reason in str(caught.value)


def test_a_class_that_no_training_row_has_is_refused() -> None:
    train = rows(range(300)).assign(y=lambda frame: np.where(frame["y"] == 1, "yes", "no"))
    test = train.assign(id=train["id"] + 300).replace({"y": {"yes": "perhaps"}})
    with pytest.raises(
        DataRejected, match="100 of 300 rows of the test set have a class that no training row has: perhaps"
    ):
        set_apart(train, test, section("id", "at"))
