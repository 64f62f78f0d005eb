"""The kinds of values in a pipeline file: durations, limits, names, schedules, points in time."""

from __future__ import annotations

import builtins
import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from airflow_mlops.core import limits
from airflow_mlops.training.core.metric_facts import METRIC_FACTS, facts

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SHORT: Final = r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*"
_ISO: Final = r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?"
_SIZE: Final = r"\s*(\d+(?:\.\d+)?)\s*(Ki|Mi|Gi|Ti)\s*"
_BYTES: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_DOTTED: Final = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*"
_CONN_ID: Final = r"[A-Za-z0-9_.\-]{1,200}"
_IMAGE: Final = r"[a-z0-9][\w./:@\-]*"
_QUOTED: Final = r"\s*[-+]?\d+(\.\d*)?([eE][-+]?\d+)?\s*"
_FIELDS: Final = 5
_LONGEST_CRON: Final = 200
_LONGEST_PATH: Final = 500
_LONGEST: Final = timedelta(days=36_500)
_PRESETS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}


class FieldError(ValueError):
    """What is wrong below a section, seen only by the section; ``path`` starts there and may be missing."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


def parse_duration(value: object) -> object:
    """Turn ``90s``, ``30m``, ``24h``, ``14d``, ``2w`` or ISO-8601 (``PT30M``, ``P1DT12H``) into a timedelta.

    A timedelta is returned as it is. Raises ValueError for anything else.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float):
        raise ValueError(f"a duration needs a unit, such as {value}s or {value}m")
    seconds = _seconds(value) if isinstance(value, str) else None
    if seconds is None:
        raise ValueError(f"a duration is written as 90s, 30m, 24h, 14d, 2w or PT30M, got {value!r:.80}")
    if seconds == 0:
        raise ValueError(f"a duration is longer than nothing, got {value!r:.80}")
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"a duration is at most {_LONGEST.days}d, got {value!r:.80}")
    return timedelta(seconds=seconds)


def _seconds(text: str) -> float | None:
    if match := re.fullmatch(_SHORT, text):
        return float(match[1]) * _UNITS[match[2]]
    match = re.fullmatch(_ISO, text.strip().upper())
    if match is None or not any(match.groups()):
        return None
    return sum(float(part or 0) * _UNITS[unit] for part, unit in zip(match.groups(), "wdhms", strict=True))


def format_duration(value: timedelta) -> str:
    """Return a duration in its largest whole unit, such as ``14d``; ``parse_duration`` reads it back."""
    seconds = value.total_seconds()
    unit = next((name for name in "dhm" if seconds % _UNITS[name] == 0), "s")
    return f"{seconds / _UNITS[unit]:.6f}".rstrip("0").rstrip(".") + unit


def check_number(value: object, wanted: str = "a number") -> object:
    """Return ``value`` unless it is true, false or text; raises ValueError.

    Python counts the first two as 1 and 0, and pydantic would read a number in quotes.
    """
    if isinstance(value, bool):
        raise ValueError(f"expected {wanted}, got {str(value).lower()}")
    if isinstance(value, str):
        quoted = ": write it without quotes" if re.fullmatch(_QUOTED, value) else ""
        raise ValueError(f"expected {wanted}, got the text {value!r:.80}{quoted}")
    return value


def check_whole(value: object) -> object:
    """Return ``value`` when it can be an integer, see ``check_number``; raises ValueError."""
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"expected an integer, got {value}")
    return check_number(value, "an integer")


def check_truth(value: object) -> object:
    """Return ``value`` when it is true or false, not a word for it in quotes; raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r:.80}")
    return value


def check_size(value: object) -> str:
    """Return ``value`` when it is an amount of memory such as ``512Mi`` or ``8Gi``; raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"a size needs a unit, such as {value}Mi or {value}Gi")
    match = re.fullmatch(_SIZE, value) if isinstance(value, str) else None
    if match is None:
        near = re.match(r"\s*(\d+)\s*([KMGT])", str(value), re.IGNORECASE)
        example = f"{near[1]}{near[2].upper()}i" if near else "512Mi or 8Gi"
        raise ValueError(f"a size is written as {example}, got {value!r:.80}")
    if float(match[1]) == 0:
        raise ValueError(f"a size is more than nothing, got {value!r:.80}")
    return match[1] + match[2]


def size_in_bytes(size: str) -> float:
    """Return the bytes of a checked size."""
    match = re.fullmatch(_SIZE, size)
    assert match is not None  # the model has checked it
    return float(match[1]) * _BYTES[match[2]]


def check_dotted(path: str) -> str:
    """Return ``path`` when it has the form ``module.name`` or ``module:name``; raises ValueError."""
    if len(path) > _LONGEST_PATH or not re.fullmatch(_DOTTED, path):
        near = f" (did you mean builtins.{path}?)" if hasattr(builtins, path[:_LONGEST_PATH]) else ""
        raise ValueError(f"a dotted path is written as package.module.Name, got {path!r:.80}{near}")
    return path


def check_conn_id(name: str) -> str:
    """Return ``name`` when it can be the id of an Airflow connection; raises ValueError."""
    if not re.fullmatch(_CONN_ID, name):
        raise ValueError(
            f"the id of an Airflow connection has only letters, digits, _, - and ., got {name!r:.80}"
        )
    return name


def check_image(name: str) -> str:
    """Return ``name`` when it can be the reference of a container image; raises ValueError."""
    if not re.fullmatch(_IMAGE, name):
        raise ValueError(f"an image is written as registry/name:tag, got {name!r:.80}")
    return name


def check_limit(value: object) -> str:
    """Return ``value`` when it is a limit, such as ``>= 0.8``; raises ConfigError (a ValueError)."""
    limits.Limit.parse(value)
    return str(value)


def check_metric(name: str) -> str:
    """Return ``name`` when it is a known metric; raises ConfigError (a ValueError) otherwise."""
    facts(name)
    return name


def check_schedule(text: str) -> str:
    """Return ``text`` when it is a cron expression or a preset that Airflow knows; raises ValueError."""
    if text in _PRESETS:
        return text
    from croniter import croniter  # Airflow's own reader of cron expressions

    try:
        if len(text) > _LONGEST_CRON or len(text.split()) != _FIELDS or _backwards(text):
            raise ValueError(text)
        croniter(text).get_next()
    except ValueError:  # every error of croniter is one, that of a date which never comes as well
        known = ", ".join(_PRESETS)
        raise ValueError(
            f"a schedule is five cron fields such as '0 6 * * 1' or one of {known}, got {text!r:.80}"
        ) from None
    return text


def check_timestamp(value: object) -> object:
    """Return ``value`` unless it is a number, which pydantic would take for seconds; raises ValueError."""
    if isinstance(value, int | float):
        raise ValueError(f"a date is written as 2026-01-31 or 2026-01-31T06:00, got {value}")
    return value


def _backwards(text: str) -> bool:
    """Whether a range runs down, as 18-6: some readers take it for one over midnight, others for none."""
    return any(int(low) > int(high) for low, high in re.findall(r"(?<![\w-])(\d+)-(\d+)", text))


def cron(schedule: str) -> str:
    """Return the cron expression of a schedule, presets spelled out."""
    return _PRESETS.get(schedule, schedule)


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    Field(gt=timedelta(0)),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*(\d+(\.\d+)?\s*[smhdw]|[Pp][0-9WDTHMSwdthms.]+)\s*$"}),
]
STRICT_INT = BeforeValidator(check_whole)
STRICT_FLOAT = BeforeValidator(check_number)
StrictInt = Annotated[int, STRICT_INT]
StrictFloat = Annotated[float, STRICT_FLOAT]
StrictBool = Annotated[bool, BeforeValidator(check_truth)]
Size = Annotated[
    str, BeforeValidator(check_size), WithJsonSchema({"type": "string", "pattern": f"^{_SIZE}$"})
]
ConnId = Annotated[str, AfterValidator(check_conn_id)]
DottedPath = Annotated[str, AfterValidator(check_dotted)]
Image = Annotated[str, AfterValidator(check_image)]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Limit = Annotated[
    str,
    BeforeValidator(check_limit),
    WithJsonSchema({"type": "string", "pattern": f"^{limits.PATTERN}$"}),
]
Metric = Annotated[
    str, AfterValidator(check_metric), WithJsonSchema({"type": "string", "enum": list(METRIC_FACTS)})
]
Schedule = Annotated[str, AfterValidator(check_schedule)]
Timestamp = Annotated[
    datetime,
    BeforeValidator(check_timestamp),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}([Tt ].*)?$"}),
]
Values = dict[str, Any]
"""A mapping that is handed on as it is, such as the arguments of an estimator."""
