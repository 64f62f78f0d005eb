"""Quick fits end as scikit-learn's own ones: the same attributes, the same answers."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from airflow_mlops.training.preprocessing.quick_fits import QuickEncoder, QuickImputer, as_plain

NUMBERS = st.lists(st.one_of(st.just(float("nan")), st.floats(-1e300, 1e300)), min_size=1, max_size=40)
IMPUTER = {"strategy": "median", "add_indicator": True, "keep_empty_features": True}


@given(NUMBERS, st.randoms(use_true_random=False))
def test_medians_and_gaps_are_those_of_scikit_learn(numbers: list[float], random: object) -> None:
    other = list(numbers)
    random.shuffle(other)  # type: ignore[attr-defined]
    rows = pd.DataFrame({"a": numbers, "b": other, "full": np.arange(len(numbers)) / 3})
    quick, plain = QuickImputer(**IMPUTER).fit(rows), SimpleImputer(**IMPUTER).fit(rows)
    np.testing.assert_array_equal(quick.statistics_, plain.statistics_)
    np.testing.assert_array_equal(quick.transform(rows), plain.transform(rows))
    assert list(quick.get_feature_names_out()) == list(plain.get_feature_names_out())


@pytest.mark.parametrize("most", [2, 3, 4, None])
def test_levels_are_those_of_scikit_learn(most: int | None) -> None:
    texts = ["x", "y", "y", np.nan, "z", "y", "x", "z", "z"]
    rows = pd.DataFrame({"a": np.array(texts, dtype=object), "b": np.array(["one"] * 9, dtype=object)})
    arguments = {"handle_unknown": "ignore", "max_categories": most, "sparse_output": False}
    quick, plain = QuickEncoder(**arguments).fit(rows), OneHotEncoder(**arguments).fit(rows)
    for mine, theirs in zip(quick.categories_, plain.categories_, strict=True):
        assert list(map(str, mine)) == list(map(str, theirs))
    np.testing.assert_array_equal(quick.transform(rows), plain.transform(rows))
    assert list(quick.get_feature_names_out()) == list(plain.get_feature_names_out())
    assert _rare(quick) == _rare(plain)


def _rare(encoder: OneHotEncoder) -> list[list[str]] | None:
    if not hasattr(encoder, "_infrequent_indices"):
        return None
    return [[] if one is None else list(map(str, one)) for one in encoder.infrequent_categories_]


def test_fitted_steps_are_what_scikit_learn_would_store() -> None:
    rows = pd.DataFrame({"n": [1.0, np.nan, 4.0], "t": np.array(["x", "y", "x"], dtype=object)})

    def steps(imputer: type, encoder: type) -> ColumnTransformer:
        return ColumnTransformer(
            [
                ("n", make_pipeline(imputer(**IMPUTER)), ["n"]),
                ("t", make_pipeline(encoder(max_categories=9)), ["t"]),
            ]
        ).fit(rows)

    quick = steps(QuickImputer, QuickEncoder)
    as_plain(quick)
    for (_, first, _), (_, second, _) in zip(
        quick.transformers_, steps(SimpleImputer, OneHotEncoder).transformers_, strict=True
    ):
        for mine, theirs in zip(first, second, strict=True):
            assert type(mine) is type(theirs)
            assert vars(mine).keys() == vars(theirs).keys()
    assert b"quick_fits" not in pickle.dumps(quick)
