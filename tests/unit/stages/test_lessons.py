"""Rows in parts are read as one frame, with the types of a whole one."""

from __future__ import annotations

import pandas as pd

from airflow_mlops.stages.lessons import _joined


def test_categories_of_parts_are_those_of_all() -> None:
    parts = [pd.DataFrame({"plan": pd.Categorical([name]), "n": [1]}) for name in ("basic", "plus")]
    found = _joined(parts)
    assert found["plan"].tolist() == ["basic", "plus"]
    assert list(found["plan"].cat.categories) == ["basic", "plus"]
    assert found.index.tolist() == [0, 1]
