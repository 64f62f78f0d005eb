"""One time line of a model: who did what, when and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from airflow_mlops.core.positive_class import about
from airflow_mlops.views.rollouts import RolloutsView
from airflow_mlops.views.versions import VersionsView, VersionView
from airflow_mlops.views.view import Event
from airflow_mlops.views.windows import WindowsView

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


def timeline(versions: VersionsView, rollouts: RolloutsView, windows: WindowsView) -> tuple[Event, ...]:
    """Return the events of a model, newest first; those without a stored time come last.

    A rollout in the store is shown by its own history, an older one by the tags of its version.
    """
    views = [view for view in (rollouts.running, *rollouts.past) if view is not None]
    stored = {view.id for view in views}
    events = [event for version in versions.versions for event in _of_version(version, stored)]
    events += [event for view in views for event in view.history]
    events += _of_windows(windows)
    return tuple(sorted(events, key=lambda event: event.at or _BEGINNING, reverse=True))


def _of_version(view: VersionView, stored: set[str]) -> Iterator[Event]:
    number, figures = view.version, ", ".join(f"{name} {value:g}" for name, value in view.metrics.items())
    figures += about(view.of_class) if figures else ""
    verdict = f"evaluation {view.evaluation}" if view.evaluation else ""
    yield Event(
        at=view.created,
        source="registry",
        what="registered",
        who="train" if view.evaluation else "",
        why=": ".join(filter(None, (verdict, figures))),
        version=number,
    )
    if view.approval is not None:
        approval = view.approval
        yield Event(at=approval.at, source="registry", what=approval.verb, who=approval.by, version=number)
    if view.rollout is not None and view.rollout.rollout_id not in stored:
        yield Event(
            at=view.rollout.at,
            source="registry",
            what=view.rollout.outcome,
            who="rollout",
            why=view.rollout.reason,
            version=number,
        )


def _of_windows(windows: WindowsView) -> Iterator[Event]:
    for window in windows.windows:
        if window.triage is not None and window.triage.action != "none":
            yield Event(
                at=window.end,
                source="monitor",
                what=window.triage.action,
                who="triage",
                why=window.triage.reason,
                version=window.version,
            )
