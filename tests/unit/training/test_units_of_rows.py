"""What is resampled together: entities, copies of a row, and rows without a key on their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.training.units_of_rows import units_of

ROWS = pd.DataFrame(
    {
        "shop": ["a", "a", "b", None, None],
        "till": [1, 1, 1, 2, 2],
        "at": pd.date_range("2026-01-01", periods=5, tz="UTC"),
        "x": [1.0, 1.0, 2.0, 3.0, 3.0],
    }
)


def data(*keys: str) -> Data:
    return Data.model_validate({"source": {"type": "csv", "filepath": "d.csv"}, "target": "y", "keys": keys})


def alike(codes: np.ndarray) -> list[int]:
    """Number units by their first row."""
    return [int(np.flatnonzero(codes == code)[0]) for code in codes]


@pytest.mark.parametrize(
    ("keys", "timed", "units", "what"),
    [
        (("shop", "at"), True, [0, 0, 2, 3, 4], "entities (shop)"),
        (("shop",), False, [0, 0, 2, 3, 4], "entities (shop)"),
        (("shop", "till"), False, [0, 0, 2, 3, 4], "entities (shop, till)"),
        (("till", "at"), True, [0, 0, 0, 3, 3], "entities (till)"),
        (("shop", "at"), False, [0, 1, 2, 3, 4], "rows"),
        (("at",), True, [0, 1, 2, 3, 4], "rows"),
        ((), False, [0, 1, 2, 3, 4], "rows"),
    ],
    ids=str,
)
def test_the_rows_of_an_entity_belong_together(
    keys: tuple[str, ...], timed: bool, units: list[int], what: str
) -> None:
    found = units_of(ROWS, data(*keys), timed=timed)
    assert (alike(found.codes), found.what) == (units, what)
    assert sorted(set(found.codes)) == list(range(found.count))


def test_copies_of_a_row_are_one_where_there_are_no_entities() -> None:
    copies = ROWS.drop(columns="at")
    found = units_of(copies, data(), timed=False)
    assert (alike(found.codes), found.what) == ([0, 0, 2, 3, 3], "distinct rows")
    nested = copies.assign(basket=[[1], [1], [2], [1], [2]])
    assert alike(units_of(nested, data(), timed=False).codes) == [0, 0, 2, 3, 4]


def test_a_key_that_the_rows_lack_is_no_entity() -> None:
    assert units_of(ROWS[["x"]], data("shop"), timed=False).what == "distinct rows"
