"""Decides what is to be done about a window, and remembers it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from airflow_mlops.config.models import Drift
from airflow_mlops.core.records import DriftReport, PerformanceReport, ScoredWindow, Triage
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.monitoring.core.label_deadlines import oldest_start
from airflow_mlops.monitoring.core.triage import Reports, Rules, decide

SHOWN_WINDOWS: Final = 24
OLDER_DECISIONS: Final = 60
"""Earlier decisions that tell how long a finding has been there."""


def run(call: StageCall) -> Triage:
    """Return and store the decision about the inputs ``window``, ``drift`` and ``performance``.

    Only windows before this one count as history, so that a window that is run again, or out of order,
    is decided as it was. The caller turns the action ``retrain`` into a training.
    """
    from airflow_mlops.monitoring.history import MonitorHistory

    observed = call.input("window", ScoredWindow)
    window = Reports(
        start=observed.start,
        end=observed.end,
        model_version=observed.model_version,
        validation=observed.validation,
        drift=call.optional("drift", DriftReport),
        performance=call.optional("performance", PerformanceReport),
    )
    rules = _rules(call)
    history = MonitorHistory(call.artifacts, call.pipeline.name, call.storage)
    limit = max(rules.drift_windows, rules.performance_windows, SHOWN_WINDOWS)
    decision = decide(
        window,
        history.reports(
            window.model_version, before=window.start, limit=limit - 1, since=_since(call, window)
        ),
        rules,
        last_retrain=history.last_retrain(
            before=window.start, since=datetime.fromisoformat(window.end) - rules.cooldown
        ),
        decisions=history.decisions(before=window.start, limit=OLDER_DECISIONS),
    )
    history.write(decision)
    return decision


def _since(call: StageCall, window: Reports) -> datetime | None:
    """Return the start of the oldest window that this run may have found labels for; None for none."""
    section = call.pipeline.monitor and call.pipeline.monitor.performance
    if not section or not (section.labels or section.label_delay):
        return None
    return oldest_start(section.label_delay, window.start, window.end)


def _rules(call: StageCall) -> Rules:
    monitor = call.pipeline.monitor
    drift = (monitor and monitor.drift) or Drift.model_validate({})
    return Rules(
        drift_windows=drift.windows,
        performance_windows=monitor.performance.windows if monitor and monitor.performance else 1,
        retrain_when=monitor.retrain.when if monitor and monitor.retrain else (),
        cooldown=monitor.retrain.cooldown if monitor and monitor.retrain else Rules().cooldown,
    )
