from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest

from airflow_mlops.data.core import stable_hash
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
    high = np.array([2**63, 2**63 + 5], dtype=np.uint64)
    assert of_integers(high).tolist() == [splitmix64(2**63), splitmix64(2**63 + 5)]
    assert of_integers(np.array([-1], dtype=np.int8))[0] == splitmix64(2**64 - 1)
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


def of_name(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def text_by_words(content: bytes) -> int:
    """The hash of a text in Python's whole numbers: its length, then word by word of eight bytes."""
    found = splitmix64(len(content) ^ 0xA0761D6478BD642F)
    for at in range(0, len(content), 8):
        found = splitmix64(found ^ int.from_bytes(content[at : at + 8], "little"))
    return found


def hashes_of(texts: list[bytes], before: bytes = b"") -> list[int]:
    ends = np.cumsum([len(before), *map(len, texts)])
    content = np.frombuffer(before + b"".join(texts), dtype=np.uint8)
    return [int(found) for found in of_text(content, ends[:-1], ends[1:])]


def test_a_split_is_decided_for_good() -> None:
    """What other releases have computed: a row that changes its side would be learned and judged."""
    assert stable_hash.SCHEME == 1
    assert MISSING == 0x9AE16A3B2F90404F
    assert of_times(np.array([7])).tolist() == [splitmix64(7 ^ 0xB492B66FBE98F273)]
    assert of_spans(np.array([7])).tolist() == [splitmix64(7 ^ 0xD6E8FEB86659FD93)]
    third = struct.unpack("<Q", struct.pack("<d", struct.unpack("<f", struct.pack("<f", 1 / 3))[0]))[0]
    assert of_floats(np.array([1 / 3])).tolist() == [splitmix64(third ^ 0xC3A5C85C97CB3127)]
    hashes = of_integers(np.array([3], dtype=np.int32))
    mixed = splitmix64((splitmix64(3) + of_name("salt")) % 2**64)
    assert fraction(hashes, "salt").tolist() == [(mixed >> 11) / 2**53]


@pytest.mark.parametrize("size", [0, 1, 5, 7, 8, 9, 15, 16, 17, 4095, 4096])
def test_a_text_is_hashed_word_by_word(size: int) -> None:
    text = (bytes(range(1, 252)) * 20)[:size]
    assert hashes_of([text], b"before") == [text_by_words(text)]


def test_texts_of_all_lengths_are_hashed_at_once() -> None:
    texts = [b"", b"Oslo", b"San Francisco", b"x" * 4097, b"", b"12345678", b"y" * 4096, b"end"]
    expected = [text_by_words(text) for text in texts]
    expected[3] = int.from_bytes(hashlib.blake2b(texts[3], digest_size=8).digest(), "little")
    assert hashes_of(texts) == expected


def test_a_row_is_mixed_from_the_sum_of_its_named_values() -> None:
    row = of_row({"a": of_integers(np.array([1])), "b": of_integers(np.array([2]))})
    named = splitmix64(splitmix64(1) ^ of_name("a")) + splitmix64(splitmix64(2) ^ of_name("b"))
    assert row.tolist() == [splitmix64(named % 2**64)]


def test_a_name_may_have_characters_that_utf_8_has_not() -> None:
    value = of_integers(np.array([1]))
    assert of_row({"\udc80": value}) != of_row({"\udc81": value})


def test_numbers_beyond_whole_ones_are_told_apart_in_32_bits() -> None:
    whole = [2.0**62, -(2.0**63), 2.0**53 + 2]
    assert of_floats(np.array(whole)).tolist() == of_integers(np.array([int(n) for n in whole])).tolist()
    bits = [struct.unpack("<Q", struct.pack("<d", n))[0] for n in (2.0**63, -(2.0**64), float("inf"))]
    assert of_floats(np.array([2.0**63, -(2.0**64), float("inf")])).tolist() == [
        splitmix64(value ^ 0xC3A5C85C97CB3127) for value in bits
    ]
    near, far = np.float32(1.5) * (1 + 2.0**-30), 1.5 * (1 + 2.0**-20)
    assert of_floats(np.array([1.5])) == of_floats(np.array([near])) != of_floats(np.array([far]))
    assert of_floats(np.array([1.5], dtype=np.float32)) == of_floats(np.array([1.5]))
    values = np.array([-0.0, 0.3])
    of_floats(values)
    assert values.tolist() == [0.0, 0.3]
    assert np.signbit(values[0])  # what is given is not changed
