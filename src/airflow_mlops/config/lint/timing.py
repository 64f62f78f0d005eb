"""Rules about time: canary steps, schedules, windows and cool-downs that fit each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.models import Canary, Monitor
from airflow_mlops.config.schedule_text import cron
from airflow_mlops.config.values import format_duration
from airflow_mlops.core.utc import in_utc

_CANARY: Final = ("deploy", "canary")


def canary_timing(subject: Subject) -> Iterator[Finding]:
    """A step can end before it times out, and is polled while it lasts."""
    section = subject.pipeline.deploy
    if section is None:
        return
    plan = section.canary
    hold, longest, poll = map(format_duration, (plan.hold, plan.step_timeout, plan.poll))
    if plan.hold >= plan.step_timeout:
        message = f"a step lasts at least hold {hold}, but times out after {longest}: increase step_timeout"
        written = "step_timeout" if "step_timeout" in plan.model_fields_set else "hold"
        yield Finding((*_CANARY, written), message)
    if plan.poll > plan.hold:
        message = f"polls every {poll}, but a step may end after hold {hold}: decrease poll"
        yield Finding((*_CANARY, "poll"), message, "warning")
    yield from _guard_timing(plan)


def _guard_timing(plan: Canary) -> Iterator[Finding]:
    """A guard has something to judge before the first step times out."""
    guards, longest = plan.guards, format_duration(plan.step_timeout)
    in_shadow = plan.shadow or timedelta(0)
    if guards.latency_p95 is not None and plan.settle >= plan.step_timeout + in_shadow:
        message = (
            f"latency_p95 is judged after settle {format_duration(plan.settle)}, but a step times out after "
            f"{longest}: no step can pass"
        )
        yield Finding((*_CANARY, "settle" if "settle" in plan.model_fields_set else "step_timeout"), message)
    delay = guards.quality.label_delay if guards.quality is not None else None
    if delay is not None and delay >= plan.step_timeout and plan.shadow is None:
        message = (
            f"labels are judged after {format_duration(delay)}, but a step times out after {longest}: the "
            "first step waits for a person; increase step_timeout or add a shadow"
        )
        yield Finding((*_CANARY, "guards", "quality", "label_delay"), message, "warning")


def monitor_timing(subject: Subject) -> Iterator[Finding]:
    """Windows end after they start, and the cool-down is longer than a window."""
    section = subject.pipeline.monitor
    if section is None:
        return
    start, end = (at and in_utc(at) for at in (section.start_date, section.end_date))
    if start and end and start > end:
        message = f"end_date {end:%Y-%m-%d} must be after start_date {start:%Y-%m-%d}"
        yield Finding(("monitor", "end_date"), message)
    if section.catchup and not start:
        yield Finding(("monitor", "catchup"), "catchup needs a first window: add monitor.start_date")
    period = interval(section)
    if section.retrain and section.retrain.cooldown < period:
        asked, window = format_duration(section.retrain.cooldown), format_duration(period)
        message = f"{asked} is ignored: it is shorter than the time between windows, {window}"
        yield Finding(("monitor", "retrain", "cooldown"), message, "warning")
    if subject.pipeline.data.time_column is None:
        message = (
            "windows need an event time: add it as the last of data.keys, else each window is all the data"
        )
        yield Finding(("monitor",), message, "warning")


def schedule_timing(subject: Subject) -> Iterator[Finding]:
    """The limits of the train DAG fit each other."""
    plan = subject.pipeline.schedule
    if plan is None:
        return
    start, end = (at and in_utc(at) for at in (plan.start_date, plan.end_date))
    if start and end and start > end:
        message = f"end_date {end:%Y-%m-%d} must be after start_date {start:%Y-%m-%d}"
        yield Finding(("schedule", "end_date"), message)
    if plan.cron == "@once" and start:
        message = (
            f"@once runs for start_date {start:%Y-%m-%d} and learns only rows before it: remove start_date?"
        )
        yield Finding(("schedule", "start_date"), message, "warning")
    if plan.deadline and plan.dagrun_timeout and plan.deadline.within >= plan.dagrun_timeout:
        within, timeout = map(format_duration, (plan.deadline.within, plan.dagrun_timeout))
        message = f"{within} is never reached: a run fails after dagrun_timeout {timeout}"
        yield Finding(("schedule", "deadline", "within"), message, "warning")
    if plan.max_active_runs > 1:
        message = (
            "runs may end in another order than their data: the last to end gives the newest version, "
            "which may know older rows"
        )
        yield Finding(("schedule", "max_active_runs"), message, "warning")


def interval(section: Monitor) -> timedelta:
    """Return the shortest time between two of the next runs of a monitor."""
    from croniter import croniter

    moments = croniter(
        cron(section.schedule.cron), datetime(2024, 1, 1, tzinfo=ZoneInfo(section.schedule.timezone))
    )
    times: list[datetime] = [moments.get_next(datetime) for _ in range(30)]
    return min(later - earlier for earlier, later in itertools.pairwise(times))
