from __future__ import annotations

import dataclasses
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
    # By hand: 91 zeros and 1 to 9. The quantiles are 0, 0, 0, 0 and 9; three of 1 to 8 are spread out.
    few = choose_edges(np.concatenate([np.zeros(91), np.arange(1.0, 10.0)]), 5)
    assert few == (0, 1, 4, 8, 9)


def test_the_edges_of_many_values_are_their_quantiles() -> None:
    assert choose_edges(np.arange(100.0), 5) == (0, 24, 49, 74, 99)
    assert choose_edges(np.asarray([3.0, 1.0, 2.0, 2.0]), 3) == (1, 2, 3)
    assert choose_edges(np.asarray([]), 3) == ()


@pytest.mark.parametrize("values", [[], [np.nan, np.inf]])
def test_a_profile_of_no_values_holds_only_nulls(values: list[float]) -> None:
    found = numeric_profile(np.asarray(values), (1.0, 2.0))
    assert (found.count, found.nulls, found.counts, found.means) == (0, len(values), (0, 0, 0), (0, 0, 0))
    assert (found.mean, found.sd, found.low, found.high, found.edges) == (0, 0, 0, 0, (1, 2))


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
        times=("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"),
    )
    assert Profile.from_json(json.loads(json.dumps(profile.to_json()))) == profile
    bare = Profile(rows=0, columns={})
    assert Profile.from_json(bare.to_json()) == bare
    assert Profile.from_json({"kind": "Profile", "rows": 0, "columns": {}, "target": None}) == bare


def test_the_json_of_a_profile_is_plain_and_says_which_kind_each_column_is() -> None:
    profile = Profile(
        rows=3,
        columns={
            "x": numeric_profile(np.asarray([1.0, 3.0, np.nan]), (2.0,)),
            "c": CategoricalProfile(count=2, nulls=1, levels=("a",), counts=(2,)),
        },
        target={"column": "y"},
    )
    assert profile.to_json() == {
        "kind": "Profile", "schema_version": 1, "rows": 3, "score": None, "target": {"column": "y"},
        "times": [],
        "columns": {
            "x": {
                "kind": "numeric", "count": 2, "nulls": 1, "mean": 2.0, "sd": 1.0, "low": 1.0, "high": 3.0,
                "edges": [2.0], "counts": [1, 1], "means": [1.0, 3.0],
            },
            "c": {"kind": "categorical", "count": 2, "nulls": 1, "levels": ["a"], "counts": [2], "other": 0},
        },
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["text", None])
def test_a_column_of_an_unknown_kind_lists_the_known_ones(kind: str | None) -> None:
    told = f"unknown kind of column profile {kind!r}; known: numeric, categorical"
    with pytest.raises(ConfigError, match=told):
        Profile.from_json({"kind": "Profile", "rows": 1, "columns": {"x": {"kind": kind, "count": 1}}})


def test_counts_of_the_same_levels_add_up() -> None:
    one = CategoricalProfile(count=9, nulls=1, levels=("a", "b"), counts=(5, 2), other=2)
    more = CategoricalProfile(count=16, nulls=3, levels=("a", "b"), counts=(7, 4), other=5)
    assert one + more == CategoricalProfile(count=25, nulls=4, levels=("a", "b"), counts=(12, 6), other=7)
    with pytest.raises(ValueError, match="different levels cannot be added"):
        one + CategoricalProfile(count=1, nulls=0, levels=("a", "c"), counts=(1, 0))


@pytest.mark.parametrize(
    ("sd", "means"),
    [(0.5, (1.2345679, 0.0)), (123.0, (1.2346, 0.0)), (1e-9, (1.23456789, 0.0)), (0.0, (1.23456789, 0.0))],
)
def test_means_are_rounded_to_about_a_millionth_of_the_standard_deviation(
    sd: float, means: tuple[float, ...]
) -> None:
    full = numeric_profile(np.asarray([1.0]), (2.0,))
    full = dataclasses.replace(full, sd=sd, means=(1.23456789, 0.0))
    assert full.rounded() == dataclasses.replace(full, means=means)


def test_parts_that_can_be_counted_by_hand_add_up() -> None:
    """1, 3 and 2, 6, 10: the mean is 4.4, the squares around it 11.56 + 1.96 + 5.76 + 2.56 + 31.36."""
    edges = (2.0, 6.0)
    merged = numeric_profile(np.asarray([1.0, 3.0]), edges, nulls=2) + numeric_profile(
        np.asarray([2.0, 6.0, 10.0]), edges, nulls=3
    )
    assert (merged.count, merged.nulls, merged.low, merged.high) == (5, 5, 1, 10)
    assert (merged.mean, merged.sd) == pytest.approx((4.4, (53.2 / 5) ** 0.5))
    assert (merged.edges, merged.counts, merged.means) == (edges, (2, 2, 1), (1.5, 4.5, 10))


@pytest.mark.parametrize("turned", [False, True])
def test_a_part_without_values_adds_only_its_nulls(turned: bool) -> None:
    some = numeric_profile(np.asarray([1.0, 3.0]), (2.0,), nulls=2)
    none = numeric_profile(np.asarray([]), (2.0,), nulls=5)
    merged = none + some if turned else some + none
    assert merged == dataclasses.replace(some, nulls=7)


def test_a_profile_of_a_newer_release_asks_for_an_upgrade() -> None:
    with pytest.raises(ConfigError, match="upgrade airflow-mlops"):
        Profile.from_json({"kind": "Profile", "schema_version": 99, "rows": 0, "columns": {}})
    with pytest.raises(ConfigError, match="expected a reference profile"):
        Profile.from_json({"kind": "DatasetRef"})


def test_profiles_over_other_bins_do_not_add() -> None:
    one: NumericProfile = numeric_profile(np.asarray([1.0]), (1.0,))
    with pytest.raises(ValueError, match="different edges"):
        one + numeric_profile(np.asarray([1.0]), (2.0,))
