"""The types of values that say how many rows a training learns: a window of time or rows, a share or rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from airflow_mlops.config.values import check_number, format_duration, parse_duration

_FEWEST: Final = 2
_DURATION: Final = {"type": "string", "pattern": r"^\s*(\d+(\.\d+)?\s*[smhdw]|[Pp][0-9WDTHMSwdthms.]+)\s*$"}
_ROWS: Final = {"type": "integer", "minimum": _FEWEST}


def parse_window(value: object) -> object:
    """Return a duration as a timedelta, or a number of rows as it is; raises ValueError for anything else.

    >>> parse_window("2d"), parse_window(50_000)
    (datetime.timedelta(days=2), 50000)
    """
    if isinstance(value, int | float):
        return _rows(value, "a duration such as 90d, or a whole number of rows")
    return parse_duration(value)


def check_sample(value: object) -> object:
    """Return a share of the rows, or a number of them; raises ValueError for anything else.

    >>> check_sample(0.1), check_sample(50_000)
    (0.1, 50000)
    """
    wanted = "a share between 0 and 1, or a whole number of rows"
    number: Any = check_number(value, wanted)
    if isinstance(number, float) and 0 < number < 1:
        return number
    return _rows(number, wanted)


def _rows(value: Any, wanted: str) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or (isinstance(value, float) and not value.is_integer())
        or value < _FEWEST
    ):
        shown = str(value).lower() if isinstance(value, bool) else f"{value!r:.80}"
        raise ValueError(f"must be {wanted} (at least {_FEWEST}), got {shown}")
    return int(value)


def _written(value: timedelta | int) -> str | int:
    return format_duration(value) if isinstance(value, timedelta) else value


Window = Annotated[
    timedelta | int,
    BeforeValidator(parse_window),
    PlainSerializer(_written, return_type=str | int),
    WithJsonSchema({"anyOf": [_DURATION, _ROWS]}),
]
Sample = Annotated[
    float | int,
    BeforeValidator(check_sample),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, _ROWS]}),
]
