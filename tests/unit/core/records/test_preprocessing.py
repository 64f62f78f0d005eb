"""The steps before an estimator, as a reader sees them."""

from __future__ import annotations

import pytest

from airflow_mlops.core.records.preprocessing import Preprocessing

TITLES = {
    "numbers": "numbers", "flags": "booleans", "dates": "parts of dates", "one_hot": "one-hot",
    "ordinal": "ordinal", "categories": "categories of the estimator", "target_mean": "target encoding",
    "words": "TF-IDF", "as_is": "unchanged",
}  # fmt: skip


@pytest.mark.parametrize("step", TITLES)
def test_each_step_has_a_title(step: str) -> None:
    assert Preprocessing({step: ("a", "b")}).description == (f"{TITLES[step]}: a, b",)


def test_numbers_are_said_to_be_scaled_where_there_are_some() -> None:
    scaled = Preprocessing({"numbers": ("age",)}, scale="standard")
    assert scaled.description == ("numbers: age", "numbers are scaled")
    assert Preprocessing({"numbers": ("age",)}).description == ("numbers: age",)
    assert Preprocessing({"one_hot": ("town",)}, scale="standard").description == ("one-hot: town",)


def test_twenty_columns_are_named_and_the_others_counted() -> None:
    names = tuple(f"c{number}" for number in range(21))
    found = Preprocessing({"numbers": names[:20]}, left_out=names).description
    assert found[0].endswith(", c19")
    assert found[1] == f"left out: {', '.join(names[:20])} and 1 more"
    many = Preprocessing(left_out=tuple(map(str, range(1_220)))).description
    assert many[0].endswith("19 and 1,200 more")


def test_there_are_steps_where_a_column_has_one_or_is_left_out() -> None:
    assert Preprocessing({"numbers": ("age",)})
    assert Preprocessing(left_out=("age",))
    assert not Preprocessing(notes=("a note",), scale="standard")
    empty = Preprocessing()
    assert not empty
    assert (empty.scale, empty.sparse, empty.max_levels, empty.left_out, empty.notes) == (
        "",
        False,
        0,
        (),
        (),
    )
    assert (empty.description, dict(empty.steps), dict(empty.parts)) == ((), {}, {})
