"""Is it better than the champion, and good enough everywhere?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from airflow_mlops.cards import svg
from airflow_mlops.cards.core.scales import interval, number, scale_of
from airflow_mlops.cards.panel import ASK, BAD, IDLE, OK, Badge, Items, Panel, Row, Rows, Table
from airflow_mlops.cards.training import Training, count
from airflow_mlops.cards.verdict import relation
from airflow_mlops.core.limits import Limit
from airflow_mlops.core.records import Comparison, Evaluation
from airflow_mlops.core.records.training import INCONCLUSIVE, NOT_WORSE, WORSE

_SCORES: Final = {"train": "On training", "cv": "In folds"}
"""Figures of the run that stand beside those of the hold-out, by the beginning of their names."""


@dataclass(frozen=True)
class _Column:
    """One column of the table of metrics, by metric."""

    title: str
    texts: Mapping[str, str]


def metrics_panel(training: Training) -> Panel:
    """Every metric with its interval and limit, and what a dummy reaches."""
    evaluation = training.evaluation
    checks = {check.name: check for check in evaluation.checks}
    missed = [check for check in evaluation.checks if not check.passed]
    columns = [_Column("This model", {name: number(value) for name, value in evaluation.metrics.items()})]
    columns.append(
        _Column("95 % interval", {name: interval(*ends) for name, ends in training.intervals.items()})
    )
    columns.append(_Column("Limit", {name: check.limit for name, check in checks.items()}))
    columns.append(_Column("Dummy", {name: number(value) for name, value in evaluation.dummy.items()}))
    for prefix, title in _SCORES.items():
        found = {name: training.scores.get(f"{prefix}.{name}") for name in evaluation.metrics}
        columns.append(
            _Column(title, {name: number(value) for name, value in found.items() if value is not None})
        )
    shown = [column for column in columns if column.texts]
    rows = [(name, *(column.texts.get(name, "–") for column in shown)) for name in evaluation.metrics]
    table = Table(("Metric", *(column.title for column in shown)), tuple(rows))
    sentence = (
        f"{missed[0].name} is {number(missed[0].value)}, required is {missed[0].limit}."
        if missed
        else f"{count(len(checks), 'limit is', 'limits are')} met."
        if checks
        else "No limit is set (evaluate.require)."
    )
    badge = Badge(BAD, "Missed") if missed else Badge(OK, "Met") if checks else Badge(IDLE, "No limit")
    about = f"Of the class {training.positive}. " if evaluation.of_class else ""
    note = f"{about}On {count(evaluation.rows, 'hold-out row')}; intervals are 95 %."
    return Panel(
        "Metrics",
        sentence,
        (table,),
        badge,
        note,
    )


def comparison_panel(training: Training) -> Panel:
    """This model against the champion and the anchor, on the same rows."""
    evaluation = training.evaluation
    version = evaluation.champion_version
    if version is None:
        return Panel(
            "Comparison",
            "There is no champion to compare with.",
            badge=Badge(IDLE, "First version"),
            note="The next training is compared with the champion of that time.",
        )
    if not evaluation.comparisons:
        why = evaluation.not_compared or "; ".join(evaluation.reasons) or "no reason is recorded"
        return Panel(
            "Comparison",
            f"Not compared with version {version}.",
            (Items((training.shown(why),)),),
            Badge(ASK, "Not compared"),
        )
    first = evaluation.comparisons[0]
    badge = _relation_badge(evaluation.outcome, first)
    against: list[tuple[str, tuple[Comparison, ...]]] = [
        (f"Champion, version {version}", evaluation.comparisons)
    ]
    anchor = evaluation.anchor_version
    if anchor is not None and anchor != version:
        against.append((f"Anchor, version {anchor}", evaluation.against_anchor))
    parts = tuple(_forest(item.metric, against) for item in evaluation.comparisons[:4])
    notes = [f"Same rows, paired: each resample draws the same {first.unit} for both."]
    if evaluation.left_out:
        notes.append(f"{count(evaluation.left_out, 'row')} that the champion has learned from did not count.")
    if who := _anchor(evaluation):
        notes.append(who)
    if first.detectable:
        least = f"{number(first.detectable)} {first.metric}"
        notes.append(f"A difference of {least} or more would be seen in 4 of 5 such hold-outs.")
    if evaluation.caution:
        notes.append(f"{training.shown(evaluation.caution)}.")
    return Panel("Comparison", f"{relation(first, version)}.", parts, badge, " ".join(notes))


def _anchor(evaluation: Evaluation) -> str:
    """Say who bounds the losses of all versions together, and what may have been lost by this one."""
    if evaluation.anchor_version is None and evaluation.anchor is None and not evaluation.lost:
        return ""
    who = "The champion is the anchor itself, the best earlier champion."
    if evaluation.anchor_version is not None:
        who = f"The anchor is the best earlier champion, version {evaluation.anchor_version}."
    if not evaluation.passed:
        return who
    if evaluation.anchor is None:
        return f"{who} This model takes its place when it is registered."
    lost = [f"{number(value)} {name}" for name, value in evaluation.lost.items() if value > 0]
    if not lost:
        return f"{who} It stays the anchor."
    return f"{who} It stays the anchor; with this model at most {', '.join(lost)} may have been lost since."


def _relation_badge(outcome: str, first: Comparison) -> Badge:
    if outcome == WORSE or (not outcome and first.high < 0):
        return Badge(BAD, "Worse")
    if outcome == INCONCLUSIVE:
        return Badge(ASK, "Not enough evidence")
    if first.low > 0:
        return Badge(OK, "Better")
    return Badge(OK, "Not worse") if outcome == NOT_WORSE else Badge(IDLE, "No clear difference")


def _forest(metric: str, against: Iterable[tuple[str, tuple[Comparison, ...]]]) -> Rows:
    found = [(label, item) for label, items in against for item in items if item.metric == metric]
    limits = [Limit.parse(item.limit) for _, item in found[:1] if item.limit]
    values = [end for _, item in found for end in (item.low, item.high, item.difference)]
    scale = scale_of([*values, 0.0, *(limit.bound for limit in limits)])
    rows = []
    for place, (label, item) in enumerate(found):
        limit = Limit.parse(item.limit).bound if item.limit else None
        tone = "" if item.passed else BAD if item.high < (limit or 0.0) else ASK
        drawn = svg.interval_row(
            scale, item.difference, item.low, item.high, limit=limit, tone=tone, zero=True
        )
        text = f"{number(item.difference, signed=True)} ({interval(item.low, item.high)})"
        rows.append(Row(label, drawn, text, bold=place == 0))
    limit_text = f"limit {found[0][1].limit} for the lower end" if limits else ""
    return Rows(tuple(rows), svg.axis_row(scale), f"difference in {metric}, larger is better", limit_text)
