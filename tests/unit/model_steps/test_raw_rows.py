"""Values of callers get the types of training, none is changed, and no time of theirs is guessed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlops.model_steps.raw_rows import as_trained
from airflow_mlops.training.assembly import raw_step

SIX = dt.datetime(2025, 1, 31, 6, tzinfo=dt.UTC)
NUMBERS = ("int8", "uint8", "int32", "int64", "uint64", "float32", "float64")


def column(*values: Any) -> pd.Series:
    return pd.Series(values, dtype=object, name="x")


@pytest.mark.parametrize("value", ["2025-01-31T06:00:00Z", "2025-01-31 07:00+01:00", "2025-01-31 06:00", SIX])
def test_a_time_of_a_caller_is_read_as_iso(value: Any) -> None:
    rows = pd.Series([value, None], dtype=object)
    assert as_trained(rows, "datetime64[us, UTC]").tolist() == [SIX, pd.NaT]
    assert as_trained(rows, "datetime64[us]")[0] == SIX.replace(tzinfo=None)


@pytest.mark.parametrize("value", ["01/02/2025", "31.01.2025", "soon"])
def test_what_could_be_two_days_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"column 'x'.* is not ISO8601"):
        as_trained(column(value), "datetime64[us, UTC]")


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("int8", [316], [316]),
        ("int8", [60], [60]),
        ("int64", [2.7], [2.7]),
        ("int64", [2.0], [2]),
        ("int64", ["12"], [12]),
        ("uint8", [-1], [-1]),
        ("int64", [2**63], [2**63]),
        ("int64", [3, None], [3.0, np.nan]),
        ("float32", [1e300], [1e300]),
        ("float64", [True, 2], [1.0, 2.0]),
        ("float64", [Decimal("0.5"), None], [0.5, np.nan]),
        ("bool", [1, 0.0], [True, False]),
        ("bool", [True, None], [1.0, np.nan]),
        ("str", ["a", 5], ["a", "5"]),
    ],
)
def test_a_value_is_the_one_that_was_given_in_a_wider_type_where_it_has_to_be(
    dtype: str, values: list[Any], expected: list[Any]
) -> None:
    found = as_trained(column(*values), dtype).tolist()
    assert [item for item in found if not pd.isna(item)] == [item for item in expected if not pd.isna(item)]
    assert [pd.isna(item) for item in found] == [pd.isna(item) for item in expected]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("bool", "False"),
        ("bool", 2),
        ("int64", "many"),
        ("float64", ""),
        ("float64", "nan"),
        ("str", 5.0),
        ("datetime64[us]", 20250131),
        ("datetime64[us]", "now"),
    ],
)
def test_a_value_that_would_become_another_one_is_refused_by_column_and_value(dtype: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"column 'x'.*{value}"):
        as_trained(column(value), dtype)


def test_a_whole_number_that_a_float_rounds_is_refused_beside_gaps() -> None:
    with pytest.raises(ValueError, match="column 'x': 9007199254740993 beside gaps would be rounded"):
        as_trained(column(2**53 + 1, None), "int64")


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(-300, 300), st.floats(allow_nan=False, width=32)), min_size=1),
    st.sampled_from(NUMBERS),
)
def test_no_number_is_changed_on_the_way_to_any_type(values: list[Any], dtype: str) -> None:
    found = as_trained(column(*values), dtype)
    for before, after in zip(values, found, strict=True):
        assert pd.isna(after) if before is None else after == before


def test_a_time_finer_than_those_of_training_keeps_its_unit() -> None:
    found = as_trained(column("2025-01-31T06:00:00.5"), "datetime64[s]")
    assert found[0] == pd.Timestamp("2025-01-31T06:00:00.5")
    assert str(as_trained(column("2025-01-31T06:00:00"), "datetime64[s]").dtype) == "datetime64[s]"


@pytest.fixture
def mixed() -> pd.DataFrame:
    """Columns whose type alone does not say what they hold."""
    return pd.DataFrame(
        {
            "size": pd.Categorical(["s", "m", "l"], categories=["s", "m", "l"], ordered=True),
            "member": pd.Series([True, None, False], dtype=object),
            "day": pd.Series([dt.date(2025, 1, 2), None, dt.date(2025, 1, 3)], dtype=object),
        }
    )


def test_one_row_has_the_codes_that_its_categories_had_in_training(mixed: pd.DataFrame) -> None:
    one = raw_step(mixed, None).transform(pd.DataFrame({"size": ["m", "xl"]}))
    assert one["size"].cat.codes.tolist() == [1, 3]
    assert one["size"].cat.categories.tolist() == ["s", "m", "l", "xl"]


def test_flags_and_days_in_objects_come_back_as_they_were(mixed: pd.DataFrame) -> None:
    rows = pd.DataFrame({"size": ["s"] * 2, "member": [1, None], "day": ["2025-01-02", None]})
    found = raw_step(mixed, None).transform(rows)
    assert found["member"].tolist() == [True, None]
    assert found["day"].tolist() == [dt.date(2025, 1, 2), None]
    for wrong in ({"member": "False"}, {"day": "2025-01-02T06:00"}):
        with pytest.raises(ValueError, match=f"column '{next(iter(wrong))}'"):
            raw_step(mixed, None).transform(rows.assign(**wrong))
