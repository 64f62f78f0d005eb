"""The command ``status``: what serves, is being rolled out, was monitored and waits for people."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from airflow_mlops.cli.pipeline_paths import PipelinePath, default_folder, existing_pipeline_paths
from airflow_mlops.cli.terminal import columns
from airflow_mlops.config.environment import PROFILE
from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.core.positive_class import about
from airflow_mlops.local_run.paths import RunPaths
from airflow_mlops.views.rollouts import RolloutView
from airflow_mlops.views.status import StatusView, read_status
from airflow_mlops.views.versions import VersionView
from airflow_mlops.views.windows import WindowView

_WINDOWS: Final = 3
_INDENT: Final = "  "


def status(arguments: argparse.Namespace) -> int:
    """Print the status of the pipelines of a path.

    Returns 0, 1 when a file has faults, 3 when MLflow or the rollout store does not answer.
    """
    profile = arguments.profile or os.environ.get(PROFILE) or None
    views: list[tuple[Path, StatusView]] = []
    code = 0
    for item in existing_pipeline_paths(default_folder(arguments.path)):
        try:
            views.append((item.file, _read(item, profile)))
        except ConfigError as error:
            print(error, file=sys.stderr)
            code = 1
    if arguments.format == "json":
        print(json.dumps([{"file": str(file), **view.to_json()} for file, view in views], indent=2))
    else:
        print("\n\n".join("\n".join(_lines(file, view, datetime.now(UTC))) for file, view in views))
    missing = {text for _, view in views for text in view.unavailable}
    for text in sorted(missing):
        print(f"error: {text}", file=sys.stderr)
    return 3 if missing else code


def _read(item: PipelinePath, profile: str | None) -> StatusView:
    """Read a pipeline's stores where a local run keeps them; a store that does not exist is not created."""
    pipeline = item.load(profile)
    place = RunPaths.of(pipeline.name, Path.cwd(), os.environ)
    unavailable: list[str] = []
    registry = None
    if place.missing_store is None:
        from airflow_mlops.training.registry import Registry

        try:
            registry = Registry(place.tracking_uri, pipeline.name)
        except (BackendError, ConfigError) as error:
            unavailable.append(str(error))
    rollouts = None
    if place.rollouts.is_file():
        from airflow_mlops.rollout.store.store import RolloutStore

        try:
            rollouts = RolloutStore(place.rollouts)
        except BackendError as error:
            unavailable.append(str(error))
    from airflow_mlops.monitoring.history import MonitorHistory

    monitor = MonitorHistory(str(place.artifacts), pipeline.name)
    return read_status(
        pipeline, registry=registry, rollouts=rollouts, monitor=monitor, unavailable=unavailable
    )


def _lines(file: Path, view: StatusView, now: datetime) -> Iterator[str]:
    pipeline = view.pipeline
    yield f"{pipeline.name}  {file}  trains {pipeline.schedule}, owner {pipeline.owner}"
    rows = [*_versions(view, now), *_rollout(view.rollouts.running), *_last_rollout(view, now)]
    rows += [row for window in view.windows.windows[:_WINDOWS] for row in _window(window)]
    rows += [("waiting", f"{item.what}, for {item.whom}: {item.next_step}") for item in view.pending]
    if not view.versions.versions and not view.unavailable:
        rows.append(("versions", f"none yet: train the first with `airflow-mlops run {file}`"))
    elif view.versions.versions and not view.windows.windows and "monitor" in pipeline.sections:
        rows.append(("windows", f"none yet: the DAG {pipeline.name}__monitor has not run here"))
    yield from columns(rows, _INDENT)


def _versions(view: StatusView, now: datetime) -> Iterator[tuple[str, str]]:
    versions = view.versions
    for version in (versions.champion, versions.challenger, versions.previous):
        if version is not None:
            yield version.role, _version(version, now)
    others = sum(not version.role for version in versions.versions)
    if versions.versions and versions.champion is None:
        yield "champion", "none yet"
    if others:
        newest = next(version for version in versions.versions if not version.role)
        yield "others", f"{others}, newest: {_version(newest, now)}"


def _version(version: VersionView, now: datetime) -> str:
    parts = [f"version {version.version}", f"{_span(version.age(now).total_seconds())} old"]
    figures = ", ".join(f"{name} {value:.4g}" for name, value in version.metrics.items())
    parts += [figures + about(version.of_class)] if figures else []
    if version.approval is not None:
        parts.append(f"{version.approval.verb} by {version.approval.by or 'an unknown user'}")
    if version.rollout is not None and version.rollout.outcome != "PROMOTED":
        parts.append(f"{version.rollout.outcome}: {version.rollout.reason}")
    return ", ".join(parts)


def _rollout(view: RolloutView | None) -> Iterator[tuple[str, str]]:
    if view is None:
        return
    text = f"version {view.version}, {view.label}: {view.requests:,} of {view.min_requests:,} requests"
    if view.hold_left_s is not None:
        text += f", holds for {_span(view.hold_left_s)} more"
    if view.timeout_left_s is not None:
        text += f", times out in {_span(view.timeout_left_s)}"
    yield "rollout", text
    for guard in view.guards:
        yield "", f"{guard.name}: {guard.verdict}, {guard.text}"


def _last_rollout(view: StatusView, now: datetime) -> Iterator[tuple[str, str]]:
    if view.rollouts.running is None and view.rollouts.past:
        last = view.rollouts.past[0]
        age = _span((now - last.entered).total_seconds())
        yield (
            "rollout",
            f"none is running; the last, of version {last.version}, ended {age} ago: {last.label}",
        )


def _window(window: WindowView) -> Iterator[tuple[str, str]]:
    parts = [f"{window.start:%Y-%m-%d %H:%M}", f"version {window.version}"]
    parts += [f"{window.rows:,} rows"] if window.rows is not None else []
    if window.validation is not None and not window.validation.passed:
        parts.append(f"{len(window.validation.failures)} expectations failed")
    if window.drift is not None:
        parts.append(": ".join(filter(None, (window.drift.verdict, ", ".join(window.drift.drifted[:3])))))
    if window.performance is not None:
        figures = [f"{name} {value:.4g}" for name, value in window.performance.metrics.items()]
        of = about(window.performance.of_class) if figures else ""
        parts.append(f"{' '.join(figures) or 'quality'}{of} ({window.performance.verdict})")
    yield "window", ", ".join(parts)
    if window.triage is not None and window.triage.action != "none":
        yield "", f"→ {window.triage.action}: {window.triage.reason}"
    if window.damage:
        yield "", f"→ {window.damage}"


def _span(seconds: float) -> str:
    """Return a length of time in its two largest units, such as ``3 h 10 min`` or ``2 days``."""
    minutes = int(timedelta(seconds=max(seconds, 0)) / timedelta(minutes=1))
    if minutes < 1:
        return f"{max(int(seconds), 0)} s"
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h {rest} min" if hours else f"{rest} min"
