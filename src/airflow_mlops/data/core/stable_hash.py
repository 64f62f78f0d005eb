"""Hashes of values that are the same in every release, on every machine and in whichever type a value came.

They decide for good on which side of a split a row is, so nothing here may change: another way of hashing
is another ``SCHEME``. The mixing is the finaliser of SplitMix64 (Steele, Lea and Flood: Fast Splittable
Pseudorandom Number Generators, OOPSLA 2014, with the constants of Stafford's variant 13).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

SCHEME: Final = 1
"""The number of this way of hashing."""
MISSING: Final = np.uint64(0x9AE16A3B2F90404F)
"""The hash of a value that is missing."""
_FRACTION: Final = np.uint64(0xC3A5C85C97CB3127)
_TIME: Final = np.uint64(0xB492B66FBE98F273)
_SPAN: Final = np.uint64(0xD6E8FEB86659FD93)
_TEXT: Final = np.uint64(0xA0761D6478BD642F)
_WORD: Final = 8
_LONG: Final = 4096
"""Bytes from which on a text is hashed by itself, not word by word with all others."""
_SMALLEST: Final = -(2.0**63)
_BITS: Final = np.uint64(11)
_HEADS: Final = np.array([(1 << 8 * size) - 1 for size in range(_WORD)] + [2**64 - 1], dtype=np.uint64)
"""Which bits of a word are of a text, by the number of its bytes that are left."""


def of_integers(values: NDArray[Any]) -> Hashes:
    """Return the hashes of whole numbers or booleans, shape (n,)."""
    return _mixed(values.astype(np.int64).view(np.uint64))  # an unsigned number keeps its bits


def of_floats(values: NDArray[Any]) -> Hashes:
    """Return the hashes of numbers, shape (n,); a whole number has that of the integer, NaN is missing.

    Other numbers count in the precision of float32, so that neither that type nor the last digit of a number
    that was written as text and read again changes anything.
    """
    numbers = values.astype(np.float64)  # a new array, of which a negative zero is the whole number 0
    with np.errstate(over="ignore", invalid="ignore"):
        broken = np.floor(numbers) != numbers
        numbers[broken] = numbers[broken].astype(np.float32)
        whole = (np.floor(numbers) == numbers) & (numbers >= _SMALLEST) & (numbers < -_SMALLEST)
        bits = np.where(whole, numbers.astype(np.int64).view(np.uint64), numbers.view(np.uint64) ^ _FRACTION)
    found = _mixed(bits)
    found[np.isnan(numbers)] = MISSING
    return found


def of_times(microseconds: NDArray[np.int64]) -> Hashes:
    """Return the hashes of moments, microseconds since 1970 in UTC, shape (n,)."""
    return _mixed(microseconds.astype(np.int64).view(np.uint64) ^ _TIME)


def of_spans(microseconds: NDArray[np.int64]) -> Hashes:
    """Return the hashes of durations in microseconds, shape (n,)."""
    return _mixed(microseconds.astype(np.int64).view(np.uint64) ^ _SPAN)


def of_text(content: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Hashes:
    """Return the hashes of texts in UTF-8, shape (n,).

    :param content: the bytes of all texts.
    :param starts: where each text starts in ``content``, shape (n,).
    :param ends: the byte after its last one, shape (n,).
    """
    left = (ends - starts).astype(np.int64)
    found = _mixed(left.astype(np.uint64) ^ _TEXT)
    for row in np.flatnonzero(left > _LONG):
        found[row] = _of_bytes(content[starts[row] : ends[row]].tobytes())
    padded = np.concatenate([content, np.zeros(_WORD, dtype=np.uint8)])
    words: NDArray[Any] = np.ndarray((len(content) + 1,), dtype="<u8", buffer=padded.data, strides=(1,))
    rows = np.flatnonzero((left > 0) & (left <= _LONG))
    at, left = starts[rows].astype(np.int64), left[rows]
    while rows.size:
        word = words[at].astype(np.uint64) & _HEADS[np.minimum(left, _WORD)]
        found[rows] = _mixed(found[rows] ^ word)
        more = left > _WORD
        rows, at, left = rows[more], at[more] + _WORD, left[more] - _WORD
    return found


def of_row(columns: Mapping[str, Hashes]) -> Hashes:
    """Return the hashes of rows, shape (rows,), from those of their values by the name of the column.

    The order of the columns does not count, their names do.
    """
    total: Hashes | None = None
    for name, values in columns.items():
        own = _mixed(values ^ _of_name(name))
        total = own if total is None else total + own
    if total is None:
        raise ValueError("at least one column is needed")
    return _mixed(total)


def fraction(hashes: Hashes, salt: str) -> NDArray[np.float64]:
    """Return numbers from 0 to below 1, shape (n,): evenly spread, and independent of those by another salt.

    >>> fraction(of_integers(np.array([3])), "a") == fraction(of_floats(np.array([3.0])), "a")
    array([ True])
    """
    scaled: NDArray[np.float64] = (_mixed(hashes + _of_name(salt)) >> _BITS).astype(np.float64) * 2.0**-53
    return scaled


def _of_name(name: str) -> np.uint64:
    return _of_bytes(name.encode("utf-8", "surrogatepass"))


def _of_bytes(content: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(content, digest_size=_WORD).digest(), "little"))


def _mixed(values: Hashes) -> Hashes:
    """Return each value with all of its bits spread over all bits of the result."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
