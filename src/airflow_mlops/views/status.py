"""One pipeline at a glance: its versions, rollout and windows, and what waits for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import MlopsError
from airflow_mlops.core.records.deployment import APPROVE
from airflow_mlops.views.history import timeline
from airflow_mlops.views.pipelines import PipelineView, pipeline_view
from airflow_mlops.views.rollouts import RolloutsView, read_rollouts
from airflow_mlops.views.versions import VersionsView, VersionView, read_versions
from airflow_mlops.views.view import Event, View
from airflow_mlops.views.windows import WindowsView, WindowView, read_windows

if TYPE_CHECKING:
    from airflow_mlops.monitoring.history import MonitorHistory
    from airflow_mlops.rollout.store.store import RolloutStore
    from airflow_mlops.training.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Pending(View):
    """Something that waits: ``what``, for ``whom``, and the ``next_step`` in words."""

    what: str
    whom: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class StatusView(View):
    """A pipeline at a glance; ``unavailable`` says what could not be read and why."""

    pipeline: PipelineView
    versions: VersionsView
    rollouts: RolloutsView
    windows: WindowsView
    pending: tuple[Pending, ...] = ()
    history: tuple[Event, ...] = ()
    unavailable: tuple[str, ...] = ()


def read_status(
    pipeline: Pipeline,
    *,
    registry: Registry | None,
    rollouts: RolloutStore | None,
    monitor: MonitorHistory | None,
    limit: int = 12,
    unavailable: Sequence[str] = (),
) -> StatusView:
    """Read all that is stored about a pipeline.

    :param registry: the registered model; None when there is none yet, as for the other stores.
    :param limit: how many rollouts and windows are read, newest first.
    :param unavailable: why a store could not even be opened.

    A store that does not answer is named in ``unavailable``; the others are read all the same.
    """
    name = pipeline.name
    view = StatusView(
        pipeline=pipeline_view(pipeline),
        versions=VersionsView(name=name),
        rollouts=RolloutsView(name=name),
        windows=WindowsView(name=name, bands={}),
    )
    failed = list(unavailable)
    try:
        view = replace(view, versions=read_versions(registry)) if registry else view
    except MlopsError as error:
        failed.append(str(error))
    try:
        view = replace(view, rollouts=read_rollouts(name, rollouts, limit)) if rollouts else view
    except MlopsError as error:
        failed.append(str(error))
    try:
        view = (
            replace(view, windows=read_windows(pipeline, monitor, view.versions, limit)) if monitor else view
        )
    except MlopsError as error:
        failed.append(str(error))
    return replace(
        view,
        pending=() if failed else tuple(_pending(view)),
        history=timeline(view.versions, view.rollouts, view.windows),
        unavailable=tuple(failed),
    )


def _pending(view: StatusView) -> Iterator[Pending]:
    running, challenger = view.rollouts.running, view.versions.challenger
    if running is not None and running.phase == "PAUSED":
        step = f"approve or reject it in the DAG {view.pipeline.name}__deploy"
        yield Pending(
            what=f"paused rollout of version {running.version}: {running.reason}",
            whom="a person",
            next_step=step,
        )
    if challenger is not None and running is None:
        yield from _challenger(view.pipeline, challenger)
    if view.windows.windows:
        yield from _window(view.pipeline, view.windows.windows[0])


def _challenger(pipeline: PipelineView, version: VersionView) -> Iterator[Pending]:
    if version.rollout is not None:
        return
    asked = f"{pipeline.name}__deploy"
    if pipeline.approvers and (version.approval is None or not version.approval.final):
        so_far = version.approval.by.split(", ") if version.approval else []
        whom = " or ".join(name for name in pipeline.approvers if name not in so_far)
        step = f"answer the task approve of {asked}"
        yield Pending(what=f"approval of version {version.version}", whom=whom, next_step=step)
    elif version.approval is None or version.approval.answer == APPROVE:
        yield Pending(
            what=f"rollout of version {version.version}",
            whom=asked,
            next_step=f"airflow dags trigger {asked}",
        )


def _window(pipeline: PipelineView, window: WindowView) -> Iterator[Pending]:
    performance, when = window.performance, f"{window.start:%Y-%m-%d %H:%M}"
    if window.triage is not None and window.triage.action == "block":
        step = f"correct the data of the window and run it again: {window.triage.reason}"
        yield Pending(what=f"data fault in the window of {when}", whom=pipeline.owner, next_step=step)
    if performance is not None and performance.verdict == "waiting":
        what = f"labels of the window of {when}: {performance.rows:,} of {performance.window_rows:,}"
        yield Pending(what=what, whom="the label source", next_step="the runs of later windows check again")
    for missing in performance.overdue if performance else ():
        what = (
            f"overdue labels of the window of {missing.start[:16]}: {missing.labelled:,} of {missing.rows:,}"
        )
        yield Pending(what=what, whom="the label source", next_step="check the delivery of labels")
