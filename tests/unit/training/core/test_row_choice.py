"""The rows that a training learns: the newest, a sample."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.training.core.row_choice import choose, spread

DAYS = np.datetime64("2026-01-01") + np.random.default_rng(1).permutation(1_000).astype("m8[h]")


def test_all_rows_are_learned_when_nothing_is_said() -> None:
    assert choose(1_000, DAYS, None, None) is None


def test_a_window_ends_with_the_newest_row_and_has_its_length() -> None:
    found = choose(1_000, DAYS, timedelta(hours=24), None)
    assert found is not None
    assert set(DAYS[found.rows]) == set(np.sort(DAYS)[-24:])
    assert found.rows.tolist() == sorted(found.rows)
    assert found.how == "the last 1 days"


def test_so_many_rows_are_the_newest_ones() -> None:
    found = choose(1_000, DAYS, 24, None)
    assert found is not None
    assert set(DAYS[found.rows]) == set(np.sort(DAYS)[-24:])
    assert len(choose(1_000, DAYS, 5_000, None).rows) == 1_000  # type: ignore[union-attr]


@pytest.mark.parametrize(("sample", "size"), [(0.25, 250), (250, 250), (5_000, 1_000)])
def test_a_sample_has_its_size_and_is_the_same_each_time(sample: float, size: int) -> None:
    first, again = choose(1_000, None, None, sample), choose(1_000, None, None, sample)
    assert first is not None
    assert again is not None
    assert len(set(first.rows)) == size
    assert first.rows.tolist() == again.rows.tolist()


def test_each_row_is_as_likely_in_a_sample() -> None:
    """The mean position of 2,000 of 10,000 rows, within four standard errors."""
    found = choose(10_000, None, None, 2_000)
    assert found is not None
    error = 10_000 / np.sqrt(12 * 2_000)
    assert abs(found.rows.mean() - 4_999.5) < 4 * error


def test_the_sample_is_one_of_the_window() -> None:
    found = choose(1_000, DAYS, timedelta(days=10), 0.5)
    assert found is not None
    assert set(DAYS[found.rows]) < set(np.sort(DAYS)[-240:])
    assert (len(found.rows), found.how) == (120, "the last 10 days, a sample of 120 rows")


def test_what_cannot_be_chosen_says_why() -> None:
    with pytest.raises(ConfigError, match=r"train\.window needs an event time"):
        choose(1_000, None, timedelta(days=1), None)
    with pytest.raises(DataRejected, match="0 of 1,000 rows is left to learn from"):
        choose(1_000, None, None, 0.0001)


@pytest.mark.parametrize(
    ("window", "how"),
    [
        (timedelta(days=2), "the last 2 days"),
        (timedelta(hours=12), "the last 12 hours"),
        (5, "the newest 5 rows"),
    ],
)
def test_the_window_is_told_in_words(window: timedelta | int, how: str) -> None:
    found = choose(1_000, DAYS, window, None)
    assert found is not None
    assert found.how == how


def test_seconds_are_told_as_such() -> None:
    seconds = np.datetime64("2026-01-01") + np.arange(60).astype("m8[s]")
    found = choose(60, seconds, timedelta(seconds=20), None)
    assert found is not None
    assert (len(found.rows), found.how) == (20, "the last 20 s")


def test_two_rows_are_the_fewest() -> None:
    assert choose(1_000, None, None, 2) is not None
    with pytest.raises(DataRejected, match="a sample of 1 rows: 1 of 1,000 rows is left"):
        choose(1_000, None, None, 0.001)


def test_times_that_are_equal_keep_their_order() -> None:
    same = np.full(10, np.datetime64("2026-01-01"))
    found = choose(10, same, 3, None)
    assert found is not None
    assert found.rows.tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("total", "most", "chosen"),
    [(9, 3, [0, 4, 8]), (10, 2, [0, 9]), (2, 3, [0, 1]), (3, 3, [0, 1, 2]), (5, 1, [0])],
)
def test_positions_are_spread_from_the_first_to_the_last_row(
    total: int, most: int, chosen: list[int]
) -> None:
    assert spread(total, most).tolist() == chosen


def test_the_moment_at_the_other_end_of_a_window_is_not_in_it() -> None:
    hours = np.datetime64("2026-01-01") + np.arange(10).astype("m8[h]")
    found = choose(10, hours, timedelta(hours=3), None)
    assert found is not None
    assert found.rows.tolist() == [7, 8, 9]


def test_a_sample_is_in_the_order_of_the_rows_and_each_time_the_same() -> None:
    """The figures of version 2.0 of NumPy's generator with the seed 0: a change would change models."""
    found = choose(1_000, None, None, 5)
    assert found is not None
    assert found.rows.tolist() == sorted(found.rows)
    assert found.rows.tolist() == np.sort(np.random.default_rng(0).choice(1_000, 5, replace=False)).tolist()


@pytest.mark.parametrize(
    ("window", "how"),
    [
        (timedelta(days=1), "the last 1 days"),
        (timedelta(days=1.5), "the last 1.5 days"),
        (timedelta(hours=1), "the last 1 hours"),
        (timedelta(hours=23), "the last 23 hours"),
        (timedelta(minutes=30), "the last 1800 s"),
        (timedelta(seconds=1), "the last 1 s"),
        (2_000, "the newest 2,000 rows"),
    ],
)
def test_a_window_has_the_largest_unit_that_it_fills(window: timedelta | int, how: str) -> None:
    times = np.full(2_000, np.datetime64("2026-01-01"))
    found = choose(2_000, times, window, 1_500)
    assert found is not None
    assert found.how == f"{how}, a sample of 1,500 rows"
