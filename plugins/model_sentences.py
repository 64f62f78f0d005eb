"""A user's own Airflow plugin: one sentence about any record of a pipeline, for templates.

    {{ macros.model_sentences.sentence(ti.xcom_pull(task_ids="triage")) }}

in a notifier, an e-mail or a BashOperator of yours. Airflow imports every plugin in each of its
processes: keep such a file light, and import what is heavy inside the function that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_mlops.core.records import (
    DriftReport,
    Evaluation,
    PerformanceReport,
    Record,
    RolloutResult,
    Triage,
)


def sentence(record: Mapping[str, Any]) -> str:
    """Return one sentence about a record as tasks return it; raises ConfigError for an unknown record."""
    found = Record.from_json(record)
    match found:
        case Triage():
            return f"{_window(found)}: {found.action}: {found.reason}"
        case DriftReport():
            return f"{_window(found)}: {found.verdict}: {', '.join(found.drifted) or 'no column'} drifted"
        case PerformanceReport():
            return f"{_window(found)}: {found.verdict}: {_figures(found.metrics)}"
        case RolloutResult():
            return f"{found.name} version {found.model_version}: {found.outcome}: {found.reason}"
        case Evaluation():
            verdict = "passed" if found.passed else "; ".join(found.reasons)
            return f"{found.model.name}: {verdict} ({_figures(found.metrics)})"
    return f"a {type(found).__name__} record"


def _window(record: Triage | DriftReport | PerformanceReport) -> str:
    return f"version {record.model_version}, {record.start[:10]} to {record.end[:10]}"


def _figures(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in metrics.items()) or "no figures"


class ModelSentences(AirflowPlugin):
    """Adds the macro; the name is what templates say, and must differ from every packaged plugin's."""

    name = "model_sentences"
    macros = [sentence]  # noqa: RUF012 - the base class declares it so
