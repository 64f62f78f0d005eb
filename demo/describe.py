"""One line about what a task did, from the record that it returned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Json = Mapping[str, Any]


def describe(task_id: str, record: Json) -> str:
    """Return a short sentence about a task's record; empty for a task that needs none."""
    return _LINES[task_id](record) if task_id in _LINES else ""


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


def _ingest(record: Json) -> str:
    return f"{record['rows']:,} rows, digest {record['digest'][:12]}"


def _validate(record: Json) -> str:
    return f"Great Expectations: {record['expectations']} expectations on {record['rows']:,} rows hold"


def _features(record: Json) -> str:
    train, holdout = record["train"]["rows"], record["holdout"]["rows"]
    return f"{len(record['features'])} features; {train:,} rows to learn from, {holdout:,} newest held out"


def _tune(record: Json) -> str:
    params = ", ".join(f"{key}={_short(value)}" for key, value in record["best_params"].items())
    return f"{record['trials']} trials, best {record['metric']} {record['best_score']:.3f} ({params})"


def _train(record: Json) -> str:
    return f"fitted on {record['rows']:,} rows, in MLflow as run {record['run_id'][:8]}"


def _evaluate(record: Json) -> str:
    figures = ", ".join(f"{name} {value:.3f}" for name, value in record["metrics"].items())
    against = "".join(
        f"; against version {record['champion_version']}: {c['metric']} {c['difference']:+.3f} "
        f"[{c['low']:+.3f}, {c['high']:+.3f}]"
        for c in record["comparisons"]
    )
    return figures + against


def _register(record: Json) -> str:
    return f"version {record['model_version']}, alias {record['alias']}"


def _rollout(record: Json) -> str:
    return f"{record['outcome']}: {record['reason']}"


def _finalize(record: Json) -> str:
    return f"version {record['model_version']} is the champion"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


_LINES: Mapping[str, Callable[[Json], str]] = {
    "ingest": _ingest,
    "validate": _validate,
    "features": _features,
    "tune": _tune,
    "train": _train,
    "evaluate": _evaluate,
    "register": _register,
    "rollout": _rollout,
    "finalize": _finalize,
}
