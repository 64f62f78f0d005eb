"""Schedules and time zones as they are written: cron fields, presets, intervals, IANA names."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator

from airflow_mlops.config.values import parse_duration
from airflow_mlops.core.suggestions import did_you_mean

ONCE: Final = ("@once", "@continuous")
"""Presets of Airflow that have no times: one run, and one run after the other."""
_CRON_FIELDS: Final = 5
_LONGEST_CRON: Final = 200
_INTERVAL: Final = r"\s*(\d[\d.]*\s*[A-Za-z]|P[\dT]\S*)\s*"
_PRESETS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}


def check_schedule(text: str) -> str:
    """Return ``text`` when it is a cron expression or a preset with times; raises ValueError."""
    if not _is_schedule(text):
        presets = ", ".join(_PRESETS)
        raise ValueError(
            f"a schedule must be five cron fields such as '0 6 * * 1' or one of {presets}, got {text!r:.80}"
        )
    return text


def check_start(text: str) -> str:
    """Return ``text`` when it is a cron expression or any preset of Airflow; raises ValueError."""
    if text not in ONCE and not _is_schedule(text):
        presets = ", ".join((*_PRESETS, *ONCE))
        raise ValueError(
            "a schedule must be five cron fields such as '0 6 * * 1', an interval such as 12h, "
            f"or one of {presets}, got {text!r:.80}"
        )
    return text


def start_mapping(value: Any) -> Any:
    """Return the mapping that a short form of ``schedule`` stands for: text, an interval, a list of assets.

    Raises ValueError for text that is no schedule.

    >>> start_mapping("@daily"), start_mapping(["lake/churn"])
    ({'cron': '@daily'}, {'assets': ['lake/churn']})
    """
    if isinstance(value, list | tuple):
        return {"assets": value}
    if isinstance(value, timedelta) or (isinstance(value, str) and re.fullmatch(_INTERVAL, value)):
        return {"every": parse_duration(value)}
    return {"cron": check_start(value)} if isinstance(value, str) else value


def window_mapping(value: Any) -> Any:
    """Return the mapping that plain text stands for as ``monitor.schedule``; raises ValueError."""
    return {"cron": check_schedule(value)} if isinstance(value, str) else value


def cron(schedule: str) -> str:
    """Return the cron expression of a checked schedule with times.

    >>> cron("@daily"), cron("30 6 * * 1")
    ('0 0 * * *', '30 6 * * 1')
    """
    return _PRESETS.get(schedule, schedule)


def check_time_zone(name: str) -> str:
    """Return ``name`` when it is a time zone of the IANA database; raises ValueError."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # not found, a folder such as Europe, not a file name
        hint = did_you_mean(name, available_timezones())
        raise ValueError(
            f"a time zone must be an IANA name such as Europe/Berlin, got {name!r:.80}{hint}"
        ) from None
    return name


def _is_schedule(text: str) -> bool:
    if text in _PRESETS:
        return True
    from croniter import croniter  # Airflow's own reader of cron expressions

    if len(text) > _LONGEST_CRON or len(text.split()) != _CRON_FIELDS or _has_falling_range(text):
        return False
    try:
        croniter(text).get_next()
    except ValueError:  # all errors of croniter are ValueErrors, also that of a date that never comes
        return False
    return True


def _has_falling_range(text: str) -> bool:
    """Whether a range falls, as 18-6: some parsers let it run over midnight, others find it empty."""
    return any(int(low) > int(high) for low, high in re.findall(r"(?<![\w-])(\d+)-(\d+)", text))


Cron = Annotated[str, AfterValidator(check_schedule)]
Start = Annotated[str, AfterValidator(check_start)]
TimeZone = Annotated[str, AfterValidator(check_time_zone)]
