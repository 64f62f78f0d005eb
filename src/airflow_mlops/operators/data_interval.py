"""The data that a run may see: rows before ``as_of``, and for a window those from its start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from airflow_mlops.config.templates import AS_OF, time_names
from airflow_mlops.core.utc import parse_time

if TYPE_CHECKING:
    from airflow.sdk import Context


def as_of(context: Context) -> datetime:
    """Return the exclusive end of the data that this run may see.

    The first of these that exists: ``as_of`` of the run's configuration, ``until`` of the asset event that
    started the run, the end of the data interval, the logical date, the time the run was due.
    """
    configured = _configured(context, "as_of")
    if configured:
        return configured
    until = [extra["until"] for extra in triggering_extras(context) if extra.get("until")]
    if until:
        return max(parse_time(text, "until of the asset event") for text in until)
    run = context["dag_run"]
    found = context.get("data_interval_end") or run.logical_date or run.run_after
    return found if found else datetime.now(UTC)


def window_start(context: Context, *, of_interval: bool = True) -> datetime | None:
    """Return the start of the run's window, or None when the run has none.

    :param of_interval: whether the data interval of the run counts. For a training it does not: it learns
        from all rows, and an interval such as that of ``@continuous`` only says when the run before ended.
    """
    configured = _configured(context, "window_start")
    if configured or not of_interval:
        return configured
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    return start if start and end and start < end else None


def with_times(context: Context) -> Context:
    """Return a context in which templates have every name of a time.

    A run that an asset or a person started has no logical date and no data interval: its times are then
    those of ``as_of`` and ``window_start``. ``as_of`` itself is a name in every run.
    """
    end = as_of(context)
    names = time_names(window_start(context) or end, end)
    missing = {name: value for name, value in names.items() if context.get(name) is None}
    found: dict[str, Any] = {**context, **missing, AS_OF: names[AS_OF]}
    return cast("Context", found)


def triggering_extras(context: Context) -> list[Mapping[str, Any]]:
    """Return the ``extra`` of every asset event that started this run, oldest first."""
    events = context.get("triggering_asset_events") or {}
    found = [event for of_asset in events.values() for event in of_asset]
    return [event.extra or {} for event in sorted(found, key=lambda event: event.timestamp)]


def _configured(context: Context, key: str) -> datetime | None:
    value = (context["dag_run"].conf or {}).get(key)
    return parse_time(value, f"{key} of the run's configuration") if value else None
