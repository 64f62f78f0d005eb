"""Which moment a run is about: data before it counts, data after it does not exist yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from airflow.sdk import Context


def as_of(context: Context) -> datetime:
    """Return the exclusive end of the data that this run may see.

    The first that is there: ``as_of`` of the run's configuration, ``until`` of the asset event that
    started the run, the end of the data interval, the logical date, the time the run was due.
    """
    configured = _configured(context, "as_of")
    if configured:
        return configured
    told = [extra["until"] for extra in triggering_extras(context) if extra.get("until")]
    if told:
        return max(_moment("until of the asset event", text) for text in told)
    run = context["dag_run"]
    found = context.get("data_interval_end") or run.logical_date or run.run_after
    return found if found else datetime.now(UTC)


def window_start(context: Context) -> datetime | None:
    """Return the start of the run's window, or None when the run has no data interval."""
    configured = _configured(context, "window_start")
    if configured:
        return configured
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    return start if start and end and start < end else None


def triggering_extras(context: Context) -> list[Mapping[str, Any]]:
    """Return the ``extra`` of every asset event that started this run, oldest first."""
    events = context.get("triggering_asset_events") or {}
    found = [event for of_asset in events.values() for event in of_asset]
    return [event.extra or {} for event in sorted(found, key=lambda event: event.timestamp)]


def _configured(context: Context, key: str) -> datetime | None:
    value = (context["dag_run"].conf or {}).get(key)
    return _moment(f"{key} of the run's configuration", value) if value else None


def _moment(what: str, text: Any) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise ConfigError(f"{what} is {text!r}: write an ISO time such as 2026-01-31T00:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
