from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.monitoring.core.drift.profiles import (
    CategoricalProfile,
    NumericProfile,
    Profile,
    choose_edges,
    numeric_profile,
)

VALUES = st.lists(st.floats(-1e6, 1e6), max_size=200)


@given(VALUES, VALUES, VALUES)
def test_profiles_of_parts_add_up_to_the_profile_of_the_whole(
    reference: list[float], first: list[float], second: list[float]
) -> None:
    edges = choose_edges(np.asarray(reference), 16)
    parts = [numeric_profile(np.asarray(part), edges, nulls=1) for part in (first, second)]
    whole = numeric_profile(np.asarray(first + second), edges, nulls=2)
    merged = parts[0] + parts[1]
    assert (merged.count, merged.nulls, merged.counts) == (whole.count, whole.nulls, whole.counts)
    if edges and whole.count:
        assert (merged.low, merged.high) == (whole.low, whole.high)
        for name in ("mean", "sd", "means"):
            assert getattr(merged, name) == pytest.approx(getattr(whole, name), rel=1e-6, abs=1e-6)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(2, 64))
def test_edges_are_values_in_order_that_hold_all_rows(values: list[float], bins: int) -> None:
    edges = choose_edges(np.asarray(values), bins)
    assert list(edges) == sorted(set(edges))
    assert set(edges) <= set(values)
    assert len(edges) <= bins
    assert (edges[0], edges[-1]) == (min(values), max(values))
    found = numeric_profile(np.asarray(values), edges)
    assert sum(found.counts) == len(values)
    assert found.counts[-1] == 0


def test_a_column_of_mostly_zeros_keeps_the_shape_of_its_tail() -> None:
    values = np.concatenate([np.zeros(9_900), np.linspace(1, 100, 100)])
    edges = choose_edges(values, 64)
    assert len(edges) > 50


def test_missing_and_infinite_values_count_as_nulls() -> None:
    found = numeric_profile(np.asarray([1.0, np.nan, np.inf, 2.0]), (1.0, 2.0), nulls=3)
    assert (found.count, found.nulls, found.counts) == (2, 5, (1, 1, 0))


def test_a_profile_survives_json() -> None:
    profile = Profile(
        rows=3,
        columns={
            "x": numeric_profile(np.asarray([1.0, 2.0, 2.5]), (1.0, 2.5)),
            "c": CategoricalProfile(count=3, nulls=0, levels=("a",), counts=(2,), other=1),
        },
        score=numeric_profile(np.asarray([0.1]), (0.1,)),
        target={"column": "y", "rate": 0.2},
    )
    assert Profile.from_json(json.loads(json.dumps(profile.to_json()))) == profile


def test_a_profile_of_a_newer_release_asks_for_an_upgrade() -> None:
    with pytest.raises(ConfigError, match="upgrade airflow-mlops"):
        Profile.from_json({"kind": "Profile", "schema_version": 99, "rows": 0, "columns": {}})
    with pytest.raises(ConfigError, match="expected a reference profile"):
        Profile.from_json({"kind": "DatasetRef"})


def test_profiles_over_other_bins_do_not_add() -> None:
    one: NumericProfile = numeric_profile(np.asarray([1.0]), (1.0,))
    with pytest.raises(ValueError, match="different edges"):
        one + numeric_profile(np.asarray([1.0]), (2.0,))
