from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.data.repeated_rows import note_of_repeated, note_of_shared, repeated_rows
from tests.support.project import customers

DATA = Data.model_validate(
    {"source": {"type": "csv", "filepath": "x"}, "target": "churned", "keys": ["customer_id", "seen_at"]}
)


def test_copies_with_another_number_time_type_and_label_are_counted() -> None:
    rows = customers(1000)
    copies = rows.head(30).dropna().assign(customer_id=lambda f: f["customer_id"] + 5000)
    copies = copies.assign(
        seen_at=rows["seen_at"].max(), churned=1, visits=lambda f: f["visits"].astype(float)
    )
    copies["plan"] = copies["plan"].astype("category")
    holdout = pd.concat([rows.tail(200), copies], ignore_index=True)
    assert note_of_repeated(rows.head(800), holdout, DATA) == (
        f"{len(copies)} of {len(holdout)} hold-out rows equal a training row in every column but "
        "customer_id, seen_at, churned: figures are too good if they are copies"
    )


@pytest.mark.parametrize("seed", range(5))
def test_rows_that_are_alike_by_chance_are_no_copies(seed: int) -> None:
    rows = customers(2000, seed=seed)
    assert note_of_repeated(rows.head(1500), rows.tail(500), DATA) == ""
    few = np.random.default_rng(seed).integers(0, 3, (2000, 2))
    coarse = pd.DataFrame(few, columns=["a", "b"])
    assert repeated_rows(coarse.head(1500), coarse.tail(500), ["a", "b"]) == 0
    assert repeated_rows(coarse.head(1500), coarse.tail(500), []) == 0


def test_entities_on_both_sides_are_counted() -> None:
    train = pd.DataFrame({"shop": [1, 2, None]})
    assert note_of_shared(train, pd.DataFrame({"shop": [2.0, 2.0, 3.0, None]}), "shop") == (
        "2 of 4 hold-out rows are of a shop that training rows have too"
    )
    assert note_of_shared(train, train.assign(shop=7), "shop") == note_of_shared(train, train, None) == ""
