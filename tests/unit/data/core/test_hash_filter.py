from __future__ import annotations

import numpy as np
import pytest

from airflow_mlops.data.core.hash_filter import HashFilter
from airflow_mlops.data.core.stable_hash import of_integers


@pytest.mark.parametrize("count", [1, 100, 6_000, 40_000])
def test_none_of_its_own_is_missed_and_few_others_are_taken_for_one(count: int) -> None:
    hashes = of_integers(np.arange(count + 100_000))
    found = HashFilter.of(hashes[:count])
    assert found.has(hashes[:count]).all()
    assert found.has(hashes[count:]).mean() < 0.008
    assert found.bits.size <= max(2**13, 3 * count)


def test_an_empty_one_has_nothing() -> None:
    nothing = HashFilter.of(of_integers(np.arange(0)))
    assert not nothing.has(of_integers(np.arange(5))).any()
