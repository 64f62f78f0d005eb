"""A model asks for the columns without which its features would differ, in any row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlops.training.needed_columns import needed_columns


def rows(n: int = 1000) -> pd.DataFrame:
    chance = np.random.default_rng(4)
    return pd.DataFrame({name: chance.normal(size=n) for name in "abcdefgh"})


def test_only_what_is_read_is_asked_for() -> None:
    raw = rows()

    def build(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"sum": frame["b"] + frame["g"]})

    assert needed_columns(raw, build, build(raw)) == ["b", "g"]


@pytest.mark.parametrize("position", [0, 1, 499, 998])
def test_a_column_that_matters_in_one_row_of_a_thousand_is_needed(position: int) -> None:
    raw = rows().assign(rare=0.0)
    raw.loc[position, "rare"] = 3.0

    def build(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"sum": frame["b"] + frame.get("rare", 0.0)})

    assert needed_columns(raw, build, build(raw)) == ["b", "rare"]


def test_two_columns_that_only_matter_together_are_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    """Neither has a rare value; the one row in which both are set is in no sample."""
    n = 4000
    raw = rows(n).assign(one=np.arange(n) % 2, two=(np.arange(n) // 2) % 2)
    raw[["one", "two"]] = raw[["one", "two"]].where(raw["one"] * raw["two"] == 0, 0)
    raw.loc[3333, ["one", "two"]] = 1

    def build(frame: pd.DataFrame) -> pd.DataFrame:
        both = frame["one"] * frame["two"] if {"one", "two"} <= set(frame) else 0
        return pd.DataFrame({"sum": frame["b"] + both})

    assert needed_columns(raw, build, build(raw)) == ["b", "one", "two"]
    assert "the features of some rows need columns" in caplog.text


def test_a_feature_that_keeps_its_name_is_not_tried() -> None:
    raw, calls = rows(), []

    def build(frame: pd.DataFrame) -> pd.DataFrame:
        calls.append(1)
        return frame + 0.5

    assert needed_columns(raw, build, build(raw)) == list(raw.columns)
    assert len(calls) == 1


def test_what_was_not_tried_in_time_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = rows()
    monkeypatch.setattr("airflow_mlops.training.needed_columns._LEAST_S", 0.0)

    def build(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"sum": frame.to_numpy()[:, 1] * 2})

    assert needed_columns(raw, build, build(raw), fit_s=0.0) == list(raw.columns)


def test_a_function_that_fails_on_some_rows_keeps_all_columns() -> None:
    raw = rows()
    whole = pd.DataFrame({"sum": raw["b"]})

    def build(frame: pd.DataFrame) -> pd.DataFrame:
        assert len(frame) == len(raw)
        return whole

    assert needed_columns(raw, build, whole) == list(raw.columns)


def test_many_columns_that_nobody_asks_for_cost_one_trial() -> None:
    """Also where the function works on a copy, and asks for columns in three ways."""
    raw = pd.DataFrame(np.random.default_rng(1).normal(size=(50, 400))).add_prefix("c")
    calls = []

    def build(frame: pd.DataFrame) -> pd.DataFrame:
        calls.append(1)
        copied = frame.copy()
        copied["sum"] = copied["c7"] + copied.c8
        return copied[["sum", "c9"]]

    assert needed_columns(raw, build, build(raw)) == ["c7", "c8", "c9"]
    assert len(calls) <= 8


def test_a_function_that_takes_plain_frames_only_is_tried_all_the_same() -> None:
    raw = rows()

    def build(frame: pd.DataFrame) -> pd.DataFrame:
        assert type(frame) is pd.DataFrame
        return pd.DataFrame({"sum": frame["b"] * 2})

    assert needed_columns(raw, build, build(raw)) == ["b"]


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from("abcdefgh"), min_size=1))
def test_the_answer_is_what_leaving_out_one_by_one_finds(read: set[str]) -> None:
    raw = rows(60)

    def build(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"sum": frame[sorted(read)].sum(axis=1)})

    assert needed_columns(raw, build, build(raw)) == sorted(read)
