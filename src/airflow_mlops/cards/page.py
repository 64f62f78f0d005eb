"""The card as one page that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from airflow_mlops.cards.core.scales import interval, number, percent
from airflow_mlops.cards.panel import Panel
from airflow_mlops.cards.panels.answers import answer_panels
from airflow_mlops.cards.panels.gate import comparison_panel, metrics_panel, slices_panel
from airflow_mlops.cards.panels.groups import groups_panel
from airflow_mlops.cards.panels.inputs import data_panel, features_panel, importances_panel, leaks_panel
from airflow_mlops.cards.panels.lineage import lineage_panel, reproduce_panel
from airflow_mlops.cards.training import Training, cut
from airflow_mlops.cards.verdict import verdict
from airflow_mlops.core.records.data import DatasetRef, to_minute
from airflow_mlops.core.utc import in_utc
from airflow_mlops.pages import page_css, page_template
from airflow_mlops.training.core.metric_facts import REGRESSION

_SPANS: Final = {"third": 2, "half": 3, "wide": 4, "full": 6}
_LINE: Final = 6
_FIGURES: Final = 2


def card_page(training: Training) -> str:
    """Return the card as self-contained HTML, in light or dark as the reader's system is."""
    page = page_template("airflow_mlops", "cards/card.html.j2")
    text: str = page.render(
        css=page_css(),
        pipeline=training.pipeline,
        verdict=verdict(training),
        meta=[
            f"judged {in_utc(training.when):%d %b %Y %H:%M} UTC",
            f"MLflow run {training.evaluation.model.run_id[:8]}",
        ],
        facts=_facts(training),
        panels=_panels(training),
        footer=_footer(training),
    )
    return text


def _panels(training: Training) -> list[Panel]:
    return filled(
        [
            comparison_panel(training),
            metrics_panel(training),
            *answer_panels(training),
            importances_panel(training),
            slices_panel(training),
            *([groups_panel(training)] if training.evaluation.groups else []),
            leaks_panel(training),
            data_panel(training),
            features_panel(training),
            lineage_panel(training),
            reproduce_panel(training),
        ]
    )


def filled(panels: Sequence[Panel]) -> list[Panel]:
    """Return the panels with the last one of each line so wide that no place is left empty."""
    found: list[Panel] = []
    used = 0
    for place, panel in enumerate(panels):
        span = _SPANS[panel.width]
        following = panels[place + 1] if place + 1 < len(panels) else None
        used += span
        room = _LINE - used
        if following is None or _SPANS[following.width] > room:
            span, used = span + room, 0
        found.append(replace(panel, width=next(name for name, size in _SPANS.items() if size >= span)))
    return found


def _facts(training: Training) -> list[tuple[str, str, str]]:
    evaluation, features = training.evaluation, training.features
    limits = {check.name: check.limit for check in evaluation.checks}
    found = []
    for name, value in list(evaluation.metrics.items())[:_FIGURES]:
        bounds = training.intervals.get(name)
        notes = [interval(*bounds)] if bounds else []
        notes += [f"required {limits[name]}"] if name in limits else []
        found.append((name, number(value), " · ".join(notes)))
    if len(found) < _FIGURES:
        found.append(_champion(training))
    found.append(("Learned from", f"{features.train.rows:,} rows", _span(features.train)))
    found.append(("Judged on", f"{evaluation.rows:,} rows", _base(training) or _span(features.holdout)))
    return found


def _champion(training: Training) -> tuple[str, str, str]:
    """Return the figure of the champion, for a pipeline with one metric."""
    version, compared = training.evaluation.champion_version, training.evaluation.comparisons
    if version is None:
        return ("Champion", "none yet", "")
    note = (
        f"{number(compared[0].difference, signed=True)} {compared[0].metric}" if compared else "not compared"
    )
    return ("Champion", f"version {version}", note)


def _span(side: DatasetRef) -> str:
    return f"{to_minute(side.times.first)[:10]} to {to_minute(side.times.last)[:10]}" if side.times else ""


def _base(training: Training) -> str:
    outcome = training.outcome
    span = _span(training.features.holdout)
    if outcome.task == REGRESSION or outcome.scores is None:
        return span
    share = f"{percent(float((outcome.truth == 1).mean()))} are {training.positive}"
    return " · ".join(filter(None, (span, share)))


def _footer(training: Training) -> str:
    hidden = "" if training.samples else " Cells are not shown (validate.samples: none)."
    target = f"Target {cut(training.target)}. " if training.target else ""
    return (
        f"{target}Intervals are 95 %; those of metrics resample the {training.unit} of the hold-out.{hidden}"
    )
