from __future__ import annotations

import hashlib

import numpy as np
import pytest

from airflow_mlops.data.core.stable_hash import (
    MISSING,
    fraction,
    of_floats,
    of_integers,
    of_row,
    of_spans,
    of_text,
    of_times,
)


def splitmix64(value: int) -> int:
    """The published generator, in Python's whole numbers, on from one state."""
    mask = 2**64 - 1
    value = (value + 0x9E3779B97F4A7C15) & mask
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return value ^ (value >> 31)


def test_whole_numbers_are_mixed_as_published() -> None:
    numbers = [0, 1, -1, 2**63 - 1, -(2**63)]
    assert of_integers(np.array(numbers)).tolist() == [splitmix64(n % 2**64) for n in numbers]
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # the first output for the seed 0
    assert of_integers(np.array([2**64 - 1], dtype=np.uint64))[0] == splitmix64(2**64 - 1)
    assert of_integers(np.array([True, False])).tolist() == [splitmix64(1), splitmix64(0)]


def test_floats_count_as_whole_numbers_or_in_32_bits() -> None:
    same = [(3.0, 3), (-(2.0**63), -(2**63)), (-0.0, 0), (2.9999999999999996, 3)]
    for number, whole in same:
        assert of_floats(np.array([number])) == of_integers(np.array([whole])), number
    assert of_floats(np.array([0.1 + 0.2])) == of_floats(np.array([0.3]))
    apart = [0.5, 0.25, 2.0**63, 1e300, float("inf"), float("-inf"), -0.5]
    assert len(set(of_floats(np.array(apart)).tolist())) == len(apart)
    assert of_floats(np.array([float("nan")]))[0] == MISSING


def test_numbers_times_and_durations_are_kept_apart() -> None:
    values = np.array([7], dtype=np.int64)
    assert len({int(hashed(values)[0]) for hashed in (of_integers, of_times, of_spans)}) == 3


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 4096])
def test_text_is_hashed_wherever_it_stands(size: int) -> None:
    text, rest = b"abcdefghi" * 500, b"--"
    content = np.frombuffer(rest + text[:size] + rest + text[:size], dtype=np.uint8)
    first, second = of_text(content, np.array([2, 4 + size]), np.array([2 + size, 4 + 2 * size]))
    assert first == second
    other = of_text(content, np.array([2]), np.array([1 + size]))
    assert other[0] != first


def test_a_long_text_is_hashed_by_itself() -> None:
    content = np.frombuffer(b"x" * 5000, dtype=np.uint8)
    expected = hashlib.blake2b(b"x" * 5000, digest_size=8).digest()
    assert of_text(content, np.array([0]), np.array([5000]))[0] == int.from_bytes(expected, "little")


def test_a_row_is_the_sum_of_its_named_values() -> None:
    one, two = of_integers(np.arange(3)), of_integers(np.arange(3, 6))
    assert (of_row({"a": one, "b": two}) == of_row({"b": two, "a": one})).all()
    assert (of_row({"a": one, "b": two}) != of_row({"a": two, "b": one})).all()
    with pytest.raises(ValueError, match="at least one column"):
        of_row({})


def test_fractions_are_even_and_independent_by_their_salt() -> None:
    hashes = of_integers(np.arange(100_000))
    first, second = fraction(hashes, "a"), fraction(hashes, "b")
    assert 0 <= first.min() < 0.001 < 0.999 < first.max() < 1
    counts = np.histogram2d(first, second, bins=10)[0].ravel()
    chi2 = ((counts - 1000) ** 2 / 1000).sum()
    assert abs(chi2 - 99) < 4 * (2 * 99) ** 0.5
