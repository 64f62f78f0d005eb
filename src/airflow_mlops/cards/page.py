"""The card as one page that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Final

from airflow_mlops.cards.core.scales import interval, number, percent
from airflow_mlops.cards.panel import BAD, Badge, Panel
from airflow_mlops.cards.panels.answers import answer_panels
from airflow_mlops.cards.panels.budget import budget_panel
from airflow_mlops.cards.panels.gate import comparison_panel, metrics_panel
from airflow_mlops.cards.panels.groups import groups_panel
from airflow_mlops.cards.panels.inputs import data_panel, features_panel, importances_panel, leaks_panel
from airflow_mlops.cards.panels.lineage import lineage_panel, reproduce_panel
from airflow_mlops.cards.panels.slices import slices_against_panel, slices_panel
from airflow_mlops.cards.training import Training, cut
from airflow_mlops.cards.verdict import Verdict, verdict
from airflow_mlops.core.records.data import DatasetRef, to_minute
from airflow_mlops.core.utc import in_utc
from airflow_mlops.pages import page_css, page_template
from airflow_mlops.training.core.metric_facts import REGRESSION

_SPANS: Final = {"third": 2, "half": 3, "wide": 4, "full": 6}
_LINE: Final = 6
_FIGURES: Final = 2
_MARK: Final = "<!-- registered -->"
"""Where the page of a registered version says which model that is."""


def card_page(training: Training) -> str:
    """Return the card as self-contained HTML, in light or dark as the reader's system is."""
    return _rendered(training, verdict(training), _facts(training), _panels(training), _footer(training))


def _rendered(
    training: Training, found: Verdict, facts: list[tuple[str, str, str]], panels: list[Panel], footer: str
) -> str:
    page = page_template("airflow_mlops", "cards/card.html.j2")
    text: str = page.render(
        css=page_css(),
        pipeline=training.pipeline,
        verdict=found,
        meta=[
            f"judged {in_utc(training.when):%d %b %Y %H:%M} UTC",
            f"MLflow run {training.evaluation.model.run_id[:8]}",
        ],
        facts=facts,
        panels=panels,
        footer=footer,
        mark=_MARK,
    )
    return text


def unjudged_page(training: Training) -> str:
    """Return the card of a model that could not be judged: the reason, and where the model comes from."""
    reason = training.shown("; ".join(training.evaluation.reasons), 600)
    sentence = f"{reason[:1].upper()}{reason[1:]}."
    found = Verdict(Badge(BAD, "Not judged"), sentence, "It is not registered.")
    features = training.features
    facts = [
        ("Learned from", f"{features.train.rows:,} rows", _span(features.train)),
        ("Held out", f"{features.holdout.rows:,} rows", _span(features.holdout)),
    ]
    panels = [data_panel(training), leaks_panel(training), features_panel(training)]
    panels += [lineage_panel(training), reproduce_panel(training)]
    return _rendered(training, found, facts, filled(panels), "No figure was computed.")


def with_registered(page: str, text: str) -> str:
    """Return a card that says under its verdict which model was registered."""
    return page.replace(_MARK, f'<p class="note">{escape(text)}</p>', 1)


def _panels(training: Training) -> list[Panel]:
    return filled(
        [
            comparison_panel(training),
            metrics_panel(training),
            *answer_panels(training),
            importances_panel(training),
            slices_panel(training),
            *([slices_against_panel(training)] if training.evaluation.against_slices else []),
            *([groups_panel(training)] if training.evaluation.groups else []),
            *([budget_panel(training)] if training.evaluation.budget else []),
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
