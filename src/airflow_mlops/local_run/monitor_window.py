"""The window that a local run monitors: the last whole one, if there is data for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow_mlops.config.models import Monitor
from airflow_mlops.config.schedule_text import cron
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.core.utc import in_utc
from airflow_mlops.local_run.context import RunContext

Window = tuple[datetime, datetime]


def window_of(context: RunContext) -> tuple[Window | None, str]:
    """Return the last whole window before the run's moment, or None and why it is not monitored."""
    monitor = context.pipeline.monitor
    if monitor is None:
        return None, "the pipeline has no monitor section"
    if context.paths.shared and context.pipeline.deploy:
        return None, "not from here: the champion is not this run's"
    start, end = last_window(monitor.schedule.cron, context.as_of, monitor.schedule.timezone)
    span = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    if not _allowed(monitor, start):
        return None, f"the window {span} is outside start_date and end_date"
    rows = _rows(context, start, end)
    if rows is None:
        return None, "the data has no event time: a window would be all the data"
    if not rows:
        return None, f"no rows in the last window, {span}: another --as-of selects another one"
    return (start, end), ""


def last_window(schedule: str, moment: datetime, timezone: str = "UTC") -> Window:
    """Return the last interval between two ticks of ``schedule`` that is over at ``moment``, in UTC."""
    from croniter import croniter

    # croniter goes back to before its start: a tick at the moment itself counts.
    ticks = croniter(cron(schedule), moment.astimezone(ZoneInfo(timezone)) + timedelta(microseconds=1))
    end: datetime = ticks.get_prev(datetime)
    start: datetime = ticks.get_prev(datetime)
    return start.astimezone(UTC), end.astimezone(UTC)


def _allowed(monitor: Monitor, start: datetime) -> bool:
    first, last = (at and in_utc(at) for at in (monitor.start_date, monitor.end_date))
    return (first is None or start >= first) and (last is None or start <= last)


def _rows(context: RunContext, start: datetime, end: datetime) -> int | None:
    """Count the window's rows among those that this run has read; None when these have no event time."""
    from airflow_mlops.data.datasets import read_dataset
    from airflow_mlops.data.event_times import times_of

    data = context.pipeline.data
    if data.time_column is None:
        return None
    times = times_of(read_dataset(DatasetRef.from_json(context.results["ingest"]), list(data.keys)), data)
    return None if times is None else int(((times >= start) & (times < end)).sum())
