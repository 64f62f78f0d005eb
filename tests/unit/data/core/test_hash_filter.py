from __future__ import annotations

import numpy as np
import pytest

from airflow_mlops.data.core import hash_filter
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
    assert nothing.bits.size == 0


@pytest.mark.parametrize(
    ("count", "size"), [(1, 2**16), (5_461, 2**16), (5_462, 2**17), (6_000, 2**17), (40_000, 2**19)]
)
def test_twelve_bits_each_are_rounded_up_to_a_power_of_two(count: int, size: int) -> None:
    hashes = of_integers(np.arange(count))
    found = HashFilter.of(hashes)
    assert found.bits.size == size // 8
    assert (HashFilter.of(np.repeat(hashes, 3)).bits == found.bits).all()


def test_a_filter_has_four_megabytes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hash_filter._MOST // 8 == 4 * 2**20
    monkeypatch.setattr(hash_filter, "_MOST", 2**17)
    hashes = of_integers(np.arange(20_000))
    found = HashFilter.of(hashes)
    assert found.bits.size == 2**14
    assert found.has(hashes).all()


def test_the_share_of_others_is_that_of_blooms_formula() -> None:
    """Four bits of 2¹⁹ for each of 40,000: (1 - exp(-4 · 40,000 / 2¹⁹))⁴, within four standard errors."""
    hashes = of_integers(np.arange(240_000))
    found = HashFilter.of(hashes[:40_000])
    expected = (1 - np.exp(-4 * 40_000 / 2**19)) ** 4
    error = (expected * (1 - expected) / 200_000) ** 0.5
    assert found.has(hashes[40_000:]).mean() == pytest.approx(expected, abs=4 * error)


def test_the_bits_of_a_hash_are_the_same_in_every_release() -> None:
    """A version keeps its filter: what another release set has to be found."""
    low, high = 0xFFFFFFFF, 0x80000006
    found = HashFilter.of(np.array([high << 32 | low], dtype=np.uint64))
    places = sorted((low + number * (high | 1)) % 2**16 for number in range(4))
    assert np.flatnonzero(np.unpackbits(found.bits)).tolist() == places == [6, 13, 20, 65535]
