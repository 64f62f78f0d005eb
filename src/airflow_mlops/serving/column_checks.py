"""The checks of single values by MLflow's column types: what a model of that type takes, and nothing else."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

Check = Callable[[Any], Any]
_DIGIT: Final = re.compile(r"\d")
_INFINITE: Final = (math.inf, -math.inf)
INT64: Final = 2**63
INT32: Final = 2**31
EXACT: Final = 2**53
"""From it on a double stands for several whole numbers, and nobody knows which one was written."""
_FLOAT32: Final = 3.4028235677973366e38
"""From half a unit above the largest 32-bit float on, a number becomes infinite (IEEE 754, 4.3.1)."""
FIRST_MOMENT: Final = datetime(1677, 9, 21, 0, 12, 43, 145225)
LAST_MOMENT: Final = datetime(2262, 4, 11, 23, 47, 16, 854775)
"""The range of pandas' nanoseconds, as which MLflow hands times to a model."""
_LAST_NS: Final = 807
"""Nanoseconds after ``LAST_MOMENT`` that the range still has."""
_BEYOND_MICROSECONDS: Final = re.compile(r"[.,]\d{6}(\d+)")
"""The digits of a second that ``datetime`` drops."""


def _real(value: Any) -> Any:
    if value is None or type(value) is float or (type(value) is int and abs(value) < 1e308):
        return value
    raise ValueError("a number")


def _small_real(value: Any) -> Any:
    if value is None or (type(value) in (float, int) and not _FLOAT32 <= abs(value) < float("inf")):
        return value
    raise ValueError("a number of 32 bits")


def _whole(limit: int) -> Check:
    def check(value: Any) -> Any:
        if type(value) is float and value.is_integer():  # as R and JavaScript write whole numbers
            if abs(value) >= EXACT:
                raise ValueError(f"a whole number without a decimal point, as it is {EXACT} or more")
            value = int(value)
        if type(value) is int and -limit <= value < limit:
            return value
        raise ValueError("a whole number")

    return check


def _text(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    raise ValueError("a string")


def _flag(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def _moment(value: Any) -> Any:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("an ISO 8601 time") from None
    beyond = _BEYOND_MICROSECONDS.search(value)
    nanoseconds = int(beyond[1][:3].ljust(3, "0")) if beyond else 0
    # NumPy would make another day of what is out of its range.
    if not FIRST_MOMENT <= moment <= LAST_MOMENT or (moment == LAST_MOMENT and nanoseconds > _LAST_NS):
        raise ValueError(
            f"a time from {FIRST_MOMENT:%Y-%m-%d} to {LAST_MOMENT:%Y-%m-%d}, and MLflow has no other"
        )
    return _with(moment, nanoseconds) if nanoseconds else moment


def _with(moment: datetime, nanoseconds: int) -> Any:
    import numpy as np  # not above: the process that keeps the workers alive knows settings, and no arrays

    return np.datetime64(moment, "ns") + np.timedelta64(nanoseconds, "ns")


def _bytes(value: Any) -> Any:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ValueError("base64 text") from None


def _anything(value: Any) -> Any:
    return value


CHECKS: Final[Mapping[str, tuple[Check, str]]] = {
    "double": (_real, "float64"),
    "float": (_small_real, "float32"),
    "long": (_whole(INT64), "int64"),
    "integer": (_whole(INT32), "int32"),
    "string": (_text, "str"),
    "boolean": (_flag, "bool"),
    "datetime": (_moment, "datetime64[ns]"),
    "binary": (_bytes, "object"),
    "any": (_anything, "object"),
}
"""By MLflow type: what checks a JSON value (it raises ValueError with what is expected), and NumPy's type."""


def number_in(text: str) -> Any:
    """Return a cell of a CSV file as a number if it is one, else the text itself.

    >>> number_in("3"), number_in("3.0"), number_in("three")
    (3, 3.0, 'three')
    """
    for kind in (int, float):
        try:
            if "_" not in text:  # Python reads 1_000, CSV has no such number
                number = kind(text)
                # Digits that make infinity are more than a double holds; the word stands for itself.
                return text if number in _INFINITE and _DIGIT.search(text) else number
        except ValueError:
            pass
    return text


def flag_in(text: str) -> Any:
    """Return a cell of a CSV file as true or false if it is one, else the text itself.

    >>> flag_in("True"), flag_in("FALSE"), flag_in("1")
    (True, False, '1')
    """
    return {"true": True, "false": False}.get(text.lower(), text)


CELLS: Final[Mapping[str, Callable[[str], Any]]] = {
    "double": number_in,
    "float": number_in,
    "long": number_in,
    "integer": number_in,
    "any": number_in,
    "boolean": flag_in,
}
"""By MLflow type: how a cell of a CSV file becomes the value that JSON would have; other types are text."""
