"""One line about what a task did, from the record that it returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_mlops.core.records import summarize

Json = Mapping[str, Any]
_SUMMARIZED = ("ingest", "validate", "features", "tune", "train", "evaluate", "refit", "register", "rollout")


def describe(task_id: str, record: Json) -> str:
    """Return a short sentence about a task's record; empty for a task that needs none."""
    if task_id == "finalize":
        return f"version {record['model_version']} is the champion"
    return summarize(record) if task_id in _SUMMARIZED else ""


def transition(event: Json) -> str:
    """Return a line about one transition of a rollout."""
    return f"{event['to']:<12} {event['reason']}"


def window_row(window: Json) -> str:
    """Return a line about one monitored window."""
    month = str(window["start"])[:7]
    drift, performance, triage = window.get("drift"), window.get("performance"), window.get("triage")
    parts = [month]
    if performance:
        figures = ", ".join(f"{name} {value:.3f}" for name, value in performance["metrics"].items())
        parts.append(f"{figures} {performance['verdict']:<5}")
    if drift:
        named = ", ".join(drift["drifted"][:4]) + (" …" if len(drift["drifted"]) > 4 else "")
        parts.append(f"drift: {named or 'none'}")
    if triage:
        parts.append(f"→ {triage['action']}")
    return "  ".join(parts)
