"""Points in time: always in UTC, and read from text in one way."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_mlops.core.errors import ConfigError


def in_utc(at: datetime) -> datetime:
    """Return a time in UTC; a naive one is taken as UTC.

    >>> in_utc(datetime.fromisoformat("2026-01-31T07:00+01:00")).isoformat()
    '2026-01-31T06:00:00+00:00'
    """
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def parse_time(text: object, what: str) -> datetime:
    """Return an ISO 8601 time in UTC; a naive one is taken as UTC.

    ``what`` names the value in the message of the ConfigError that anything else raises.

    >>> parse_time("2026-01-31", "--as-of").isoformat()
    '2026-01-31T00:00:00+00:00'
    """
    try:
        return in_utc(datetime.fromisoformat(str(text)))
    except ValueError:
        example = "2026-01-31 or 2026-01-31T06:00:00Z"
        raise ConfigError(f"{what} must be an ISO time such as {example}, got {str(text)!r:.80}") from None
