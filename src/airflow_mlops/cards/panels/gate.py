"""Is it better than the champion, and good enough everywhere?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from airflow_mlops.cards import svg
from airflow_mlops.cards.core.scales import Scale, interval, number, scale_of
from airflow_mlops.cards.panel import ASK, BAD, IDLE, OK, Badge, Items, Panel, Row, Rows, Table
from airflow_mlops.cards.training import Training, count
from airflow_mlops.cards.verdict import relation
from airflow_mlops.core.limits import Limit
from airflow_mlops.core.records import Check, Comparison, SliceCheck
from airflow_mlops.core.records.training import INCONCLUSIVE, NOT_WORSE, WORSE

_MOST_SLICES: Final = 24
_UNKNOWN: Final = (float("nan"), float("nan"))
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
    if first.detectable:
        least = f"{number(first.detectable)} {first.metric}"
        notes.append(f"A difference of {least} or more would be seen in 4 of 5 such hold-outs.")
    if evaluation.caution:
        notes.append(f"{training.shown(evaluation.caution)}.")
    return Panel("Comparison", f"{relation(first, version)}.", parts, badge, " ".join(notes))


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


def slices_panel(training: Training) -> Panel:
    """Each value of the sliced columns against its limits."""
    slices = training.evaluation.slices
    if not slices:
        return Panel(
            "Slices",
            "No part of the hold-out has a limit of its own.",
            (Items(("evaluate.slices holds the values of a column to limits.",)),),
            Badge(IDLE, "None"),
        )
    judged = [(item, check) for item in slices for check in item.checks]
    missed = [(item, check) for item, check in judged if not check.passed]
    badge = Badge(BAD, count(len(missed), "limit") + " missed") if missed else Badge(OK, "All met")
    if not judged:
        badge = Badge(ASK, "None judged")
    metrics = list(dict.fromkeys(check.name for _, check in judged))
    parts = tuple(_slices(training, metric) for metric in metrics)
    skipped = [item for item in slices if not item.checks]
    note = ""
    if skipped:
        some = count(len(skipped), "slice is", "slices are")
        note = f"{some} not judged: {training.shown(skipped[0].skipped, 120)}."
    return Panel("Slices", _worst_slice(training, judged, missed), parts, badge, note)


def _worst_slice(
    training: Training, judged: list[tuple[SliceCheck, Check]], missed: list[tuple[SliceCheck, Check]]
) -> str:
    if not judged:
        return "No slice has rows enough to be judged."
    item, check = min(missed or judged, key=lambda pair: _margin(pair[1]))
    place = f"{training.slice_name(item)}: {check.name} {number(check.value)}"
    return f"Missed in {place}, required is {check.limit}." if missed else f"Closest to its limit in {place}."


def _margin(check: Check) -> float:
    limit = Limit.parse(check.limit)
    return check.value - limit.bound if limit.is_floor else limit.bound - check.value


def _slices(training: Training, metric: str) -> Rows:
    """The slices of one metric under the figure of all rows, on one scale."""
    found = [
        (item, check) for item in training.evaluation.slices for check in item.checks if check.name == metric
    ]
    found.sort(key=lambda pair: _margin(pair[1]))
    shown = found[:_MOST_SLICES]
    limits = {check.limit for _, check in shown}
    whole = training.evaluation.metrics.get(metric)
    span = training.intervals.get(metric, _UNKNOWN)
    values = [check.value for _, check in shown]
    values += [end for item, check in shown for end in _ends(training, item, check)]
    values += [Limit.parse(limit).bound for limit in limits]
    values += [] if whole is None else [whole, *span]
    scale = scale_of(values)
    rows = [_slice_row(training, scale, item, check) for item, check in shown]
    if whole is not None:
        limit = Limit.parse(next(iter(limits))).bound if len(limits) == 1 else None
        drawn = svg.interval_row(scale, whole, *span, limit=limit)
        size = count(training.evaluation.rows, "row")
        rows.insert(0, Row("All rows", drawn, _with_interval(whole, *span), size, bold=True))
    more = f"; {len(found) - len(shown):,} more are not shown" if len(found) > len(shown) else ""
    limit_text = f"limit {next(iter(limits))}" if len(limits) == 1 else "each with its limit"
    return Rows(tuple(rows), svg.axis_row(scale), f"{metric} on the hold-out{more}", limit_text)


def _slice_row(training: Training, scale: Scale, item: SliceCheck, check: Check) -> Row:
    low, high = _ends(training, item, check)
    limit, tone = Limit.parse(check.limit).bound, _tone(check, low, high)
    drawn = svg.interval_row(scale, check.value, low, high, limit=limit, tone=tone)
    text = _with_interval(check.value, low, high)
    return Row(training.slice_name(item), drawn, text, count(item.rows, "row"))


def _ends(training: Training, item: SliceCheck, check: Check) -> tuple[float, float]:
    return training.slice_intervals.get((item.column, item.value, check.name), _UNKNOWN)


def _tone(check: Check, low: float, high: float) -> str:
    """Colour a figure whose limit is missed, or lies inside its interval."""
    if not check.passed:
        return BAD
    return ASK if low <= Limit.parse(check.limit).bound <= high else ""


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{number(value)} ({interval(low, high)})" if low == low else number(value)
