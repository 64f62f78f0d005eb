"""The base of all views."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.utc import in_utc, parse_time


@dataclass(frozen=True, kw_only=True)
class View:
    """Something to show; all fields are frozen."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values: times as ISO 8601 in UTC, null for a number that is not finite.

        >>> from datetime import datetime
        >>> Event(at=datetime(2026, 3, 1), source="monitor", what="alert").to_json()["at"]
        '2026-03-01T00:00:00+00:00'
        """
        return {item.name: plain_json(getattr(self, item.name)) for item in dataclasses.fields(self)}


@dataclass(frozen=True, kw_only=True)
class Event(View):
    """One line of a history.

    ``at`` is None when the time was not stored; ``who`` is a user or a part of the system; ``source`` is
    ``registry``, ``rollout`` or ``monitor``; ``version`` is the model version, if the event has one.
    """

    at: datetime | None
    source: str
    what: str
    who: str = ""
    why: str = ""
    version: int | None = None


def parsed_time(text: str) -> datetime | None:
    """Return an ISO time in UTC, or None for a text that is not one.

    >>> parsed_time("2026-03-01T01:00:00+01:00").isoformat(), parsed_time("")
    ('2026-03-01T00:00:00+00:00', None)
    """
    try:
        return parse_time(text, "time")
    except ConfigError:
        return None


def from_epoch(seconds: float) -> datetime:
    """Return the time of a number of seconds since 1970, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def plain_json(value: Any) -> Any:
    """Return a value as JSON has it: see `View.to_json`.

    >>> plain_json({"limit": float("inf"), "steps": (5, 50)})
    {'limit': None, 'steps': [5, 50]}
    """
    if isinstance(value, datetime):
        return in_utc(value).isoformat(timespec="seconds")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain_json(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
