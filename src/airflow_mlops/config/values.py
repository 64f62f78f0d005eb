"""The types of values in a pipeline file: durations, limits, names, times."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from airflow_mlops.core import limits
from airflow_mlops.core.json_keys import with_own_keys, with_text_keys
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.lifecycle.table import task_ids
from airflow_mlops.training.core.group_rates import RATES
from airflow_mlops.training.core.metric_facts import METRIC_FACTS, OWN_PATTERN, facts

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SHORT: Final = r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*"
_ISO: Final = r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?"
_SIZE: Final = r"\s*(\d+(?:\.\d+)?)\s*(Ki|Mi|Gi|Ti)\s*"
_BYTES: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_DOTTED: Final = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*"
_QUOTED: Final = r"\s*[-+]?\d+(\.\d*)?([eE][-+]?\d+)?\s*"
_LONGEST_PATH: Final = 500
_LONGEST: Final = timedelta(days=36_500)


class FieldError(ValueError):
    """A fault that only a whole section shows; ``path`` is its key from there, which may be missing."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


def parse_duration(value: object) -> object:
    """Return ``90s``, ``30m``, ``24h``, ``14d``, ``2w`` or ISO 8601 (``PT30M``, ``P1DT12H``) as a timedelta.

    A timedelta is returned as it is. Raises ValueError for anything else.

    >>> parse_duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float):
        raise ValueError(f"a duration needs a unit, such as {value}s or {value}m")
    seconds = _seconds(value) if isinstance(value, str) else None
    if seconds is None:
        raise ValueError(f"a duration must be written as 90s, 30m, 24h, 14d, 2w or PT30M, got {value!r:.80}")
    if seconds == 0:
        raise ValueError(f"a duration must be positive, got {value!r:.80}")
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"a duration must be at most {_LONGEST.days}d, got {value!r:.80}")
    return timedelta(seconds=seconds)


def _seconds(text: str) -> float | None:
    if match := re.fullmatch(_SHORT, text):
        return float(match[1]) * _UNITS[match[2]]
    match = re.fullmatch(_ISO, text.strip().upper())
    if match is None or not any(match.groups()):
        return None
    return sum(float(part or 0) * _UNITS[unit] for part, unit in zip(match.groups(), "wdhms", strict=True))


def format_duration(value: timedelta) -> str:
    """Return a duration in its largest whole unit; ``parse_duration`` reads it back.

    >>> format_duration(timedelta(hours=36))
    '36h'
    """
    seconds = value.total_seconds()
    unit = next((name for name in "dhm" if seconds % _UNITS[name] == 0), "s")
    return f"{seconds / _UNITS[unit]:.6f}".rstrip("0").rstrip(".") + unit


def check_number(value: object, wanted: str = "a number") -> object:
    """Return ``value`` unless it is a boolean or text; raises ValueError.

    Python counts booleans as 1 and 0, and pydantic would read a number in quotes.
    """
    if isinstance(value, bool):
        raise ValueError(f"must be {wanted}, got {str(value).lower()}")
    if isinstance(value, str):
        quoted = ": write it without quotes" if re.fullmatch(_QUOTED, value) else ""
        raise ValueError(f"must be {wanted}, got the text {value!r:.80}{quoted}")
    return value


def check_integer(value: object) -> object:
    """Return ``value`` when it can be an integer, see ``check_number``; raises ValueError."""
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"must be an integer, got {value}")
    return check_number(value, "an integer")


def check_bool(value: object) -> object:
    """Return ``value`` when it is true or false, not a word for it in quotes; raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, got {value!r:.80}")
    return value


def check_size(value: object) -> str:
    """Return ``value`` when it is an amount of memory; raises ValueError.

    >>> check_size("8 Gi")
    '8Gi'
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"a size needs a unit, such as {value}Mi or {value}Gi")
    match = re.fullmatch(_SIZE, value) if isinstance(value, str) else None
    if match is None:
        near = re.match(r"\s*(\d+)\s*([KMGT])", str(value), re.IGNORECASE)
        example = f"{near[1]}{near[2].upper()}i" if near else "512Mi or 8Gi"
        raise ValueError(f"a size must be written as {example}, got {value!r:.80}")
    if float(match[1]) == 0:
        raise ValueError(f"a size must be positive, got {value!r:.80}")
    return match[1] + match[2]


def size_in_bytes(size: str) -> float:
    """Return the bytes of a checked size.

    >>> size_in_bytes("512Mi")
    536870912.0
    """
    match = re.fullmatch(_SIZE, size)
    assert match is not None  # the model has checked it
    return float(match[1]) * _BYTES[match[2]]


def check_dotted(path: str) -> str:
    """Return ``path`` when it has the form ``module.name`` or ``module:name``; raises ValueError."""
    if len(path) > _LONGEST_PATH or not re.fullmatch(_DOTTED, path):
        near = f" (did you mean builtins.{path}?)" if hasattr(builtins, path[:_LONGEST_PATH]) else ""
        raise ValueError(f"a dotted path must be written as package.module.Name, got {path!r:.80}{near}")
    return path


def passes(check: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Return the validator that keeps a value as it is unless ``check`` raises a ValueError."""

    def validate(value: Any) -> Any:
        check(value)
        return value

    return validate


def matches(pattern: str, requirement: str) -> AfterValidator:
    """Return the check that a text matches a pattern; ``requirement`` begins the message otherwise."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{requirement}, got {text!r:.80}")
        return text

    return AfterValidator(check)


def check_task(name: str) -> str:
    """Return ``name`` when it is a task of the life-cycle table; raises ValueError otherwise."""
    known = task_ids()
    if name not in known:
        hint = did_you_mean(name, known)
        raise ValueError(f"must be a task, got {name!r:.80}{hint}; tasks are {', '.join(known)}")
    return name


def check_group_measure(name: str) -> str:
    """Return ``name`` when it is a difference between groups; raises ValueError otherwise."""
    if name not in RATES:
        hint = did_you_mean(name, RATES)
        raise ValueError(f"must be {' or '.join(RATES)}, got {name!r:.80}{hint}")
    return name


def check_timestamp(value: object) -> object:
    """Return ``value`` unless it is a number, which pydantic would take for seconds; raises ValueError."""
    if isinstance(value, int | float):
        raise ValueError(f"a date must be written as 2026-01-31 or 2026-01-31T06:00, got {value}")
    return value


def check_paths(value: object) -> object:
    """Return a path, or a list of paths as a tuple; raises ValueError for anything else."""
    several = isinstance(value, list | tuple)
    items: Iterable[object] = value if isinstance(value, list | tuple) else (value,)
    if not value or not all(isinstance(item, str) and item for item in items):
        raise ValueError(f"must be a path, or a list of paths, got {value!r:.80}")
    return tuple(items) if several else value


@dataclass(frozen=True)
class OneOf:
    """The values that a checked text may have, for the JSON Schema, as they are when the schema is made."""

    values: Callable[[], Iterable[str]]
    pattern: str = ""

    def __get_pydantic_json_schema__(self, *_: Any) -> dict[str, Any]:
        """Return the JSON Schema of the text: one of the values, or what matches the pattern."""
        known: dict[str, Any] = {"type": "string", "enum": list(self.values())}
        return {"anyOf": [known, {"type": "string", "pattern": self.pattern}]} if self.pattern else known


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    Field(gt=timedelta(0)),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*(\d+(\.\d+)?\s*[smhdw]|[Pp][0-9WDTHMSwdthms.]+)\s*$"}),
]
STRICT_INT = BeforeValidator(check_integer)
STRICT_FLOAT = BeforeValidator(check_number)
StrictInt = Annotated[int, STRICT_INT]
StrictFloat = Annotated[float, STRICT_FLOAT]
StrictBool = Annotated[bool, BeforeValidator(check_bool)]
Size = Annotated[
    str, BeforeValidator(check_size), WithJsonSchema({"type": "string", "pattern": f"^{_SIZE}$"})
]
ConnId = Annotated[
    str, matches(r"[A-Za-z0-9_.\-]{1,200}", "a connection id must have only letters, digits, _, - and .")
]
DottedPath = Annotated[str, AfterValidator(check_dotted)]
Image = Annotated[str, matches(r"[a-z0-9][\w./:@\-]*", "an image must be written as registry/name:tag")]
Text = Annotated[str, Field(min_length=1)]
Paths = Annotated[
    str | tuple[str, ...],
    BeforeValidator(check_paths),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            ]
        }
    ),
]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Limit = Annotated[
    str,
    BeforeValidator(passes(limits.Limit.parse)),
    WithJsonSchema({"type": "string", "pattern": f"^{limits.PATTERN}$"}),
]
Metric = Annotated[str, AfterValidator(passes(facts)), OneOf(lambda: METRIC_FACTS, OWN_PATTERN)]
GroupMeasure = Annotated[str, AfterValidator(check_group_measure), OneOf(lambda: RATES)]
TaskName = Annotated[str, AfterValidator(check_task), OneOf(task_ids)]
Timestamp = Annotated[
    datetime,
    BeforeValidator(check_timestamp),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}([Tt ].*)?$"}),
]
OwnKeys = (BeforeValidator(with_own_keys), PlainSerializer(with_text_keys, when_used="json"))
"""Keeps the numbers and booleans among the keys inside a value, also through JSON."""
Values = Annotated[dict[str, Any], *OwnKeys]
"""A mapping that is passed on as it is, such as the arguments of an estimator."""
