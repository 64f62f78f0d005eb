"""When the train DAG of a pipeline runs: times, upstream assets, retrain events, limits of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from airflow.sdk import (
    Asset,
    AssetAll,
    AssetAny,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    DeltaTriggerTimetable,
)
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DagRunQueuedAtDeadline, DeadlineAlert
from airflow.sdk.definitions.timetables.simple import ContinuousTimetable, OnceTimetable

from airflow_mlops.config.models import AssetEntry, Deadline, Pipeline, Schedule
from airflow_mlops.core.json_keys import with_text_keys
from airflow_mlops.factory.assets import pipeline_asset

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED: Final = {"@once": OnceTimetable, "@continuous": ContinuousTimetable}
_ANNOUNCE: Final = "airflow_mlops.notifications.deadline.announce"


def train_arguments(pipeline: Pipeline, base: Any) -> dict[str, Any]:
    """Return the train DAG's own arguments; values may be calls, see ``builder.resolve``."""
    plan = pipeline.schedule or Schedule()
    optional = {
        "end_date": plan.end_date,
        "dagrun_timeout": plan.dagrun_timeout,
        "deadline": _deadline(plan.deadline, base) if plan.deadline else None,
    }
    return {
        "schedule": _schedule(pipeline, plan),
        "max_active_runs": plan.max_active_runs,
        "start_date": plan.start_date or _first(plan),
        "catchup": plan.catchup,
        **{key: value for key, value in optional.items() if value is not None},
    }


def _first(plan: Schedule) -> datetime | None:
    """Return the start date where the file has none: it lies behind, so that a run is due at once.

    ``@once`` takes its start date for the time of its run, and now without one. ``@continuous`` needs one:
    without it Airflow 3.3 gives the second run the logical date of the first, and creates neither.
    """
    return None if plan.cron == "@once" else EPOCH


def _schedule(pipeline: Pipeline, plan: Schedule) -> Any:
    """Return times, assets, both, or None; a retrain event starts a run alone, whatever else is awaited."""
    times = _times(plan)
    retrains = bool(pipeline.monitor and pipeline.monitor.retrain)
    retrain = pipeline_asset(pipeline.name, "retrain")
    if plan.assets:
        entries: list[Any] = [_asset(entry) for entry in plan.assets.entries]
        either = plan.assets.any or len(entries) == 1
        awaited = entries if either else [partial(AssetAll, *entries)]
        awaited = [*awaited, retrain] if retrains else awaited
        assets: Any = partial(AssetAny, *awaited) if len(awaited) > 1 else awaited
    else:
        assets = [retrain] if retrains else None
    if assets is None:
        return plan.cron if plan.cron in _NAMED else times
    if times is None:
        return assets
    return partial(AssetOrTimeSchedule, timetable=times, assets=assets)


def _times(plan: Schedule) -> Any:
    if plan.every:
        return partial(DeltaTriggerTimetable, plan.every)
    if plan.cron in _NAMED:
        return partial(_NAMED[plan.cron])
    return partial(CronTriggerTimetable, plan.cron, timezone=plan.timezone) if plan.cron else None


def _asset(entry: AssetEntry) -> partial[Any]:
    if entry.ref is None:
        given = {"name": entry.name, "uri": entry.uri}
        return partial(Asset, **{key: value for key, value in given.items() if value})
    if "://" not in entry.ref:
        return partial(Asset.ref, name=entry.ref)
    return partial(Asset.ref, uri=Asset(uri=entry.ref).uri)  # as Airflow stores it: a reference is compared


def _deadline(deadline: Deadline, base: Any) -> partial[DeadlineAlert]:
    arguments = {"notifier": deadline.notifier, "args": with_text_keys(deadline.args)}
    folder = {"base": partial(str, base)} if base else {}
    calls: dict[str, Any] = {
        "reference": partial(DagRunQueuedAtDeadline),
        "interval": deadline.within,
        "callback": partial(AsyncCallback, _ANNOUNCE, {**arguments, **folder}),
    }
    return partial(DeadlineAlert, **calls)
