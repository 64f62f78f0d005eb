"""Is it good enough everywhere, and nowhere worse than the champion?"""

from __future__ import annotations

from typing import Final

from airflow_mlops.cards import svg
from airflow_mlops.cards.core.scales import Scale, interval, number, scale_of
from airflow_mlops.cards.panel import ASK, BAD, IDLE, OK, Badge, Items, Panel, Row, Rows
from airflow_mlops.cards.training import Training, count
from airflow_mlops.core.limits import Limit
from airflow_mlops.core.records import Check, Comparison, SliceCheck, SliceComparison
from airflow_mlops.core.records.evaluation import INCONCLUSIVE, WORSE
from airflow_mlops.core.records.evaluation_words import margin as _margin

_MOST_SLICES: Final = 24
_UNKNOWN: Final = (float("nan"), float("nan"))


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
    values += [end for _, check in shown for end in _ends(check)]
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
    low, high = _ends(check)
    limit, tone = Limit.parse(check.limit).bound, _tone(check, low, high)
    drawn = svg.interval_row(scale, check.value, low, high, limit=limit, tone=tone)
    text = _with_interval(check.value, low, high)
    return Row(training.slice_name(item), drawn, text, count(item.rows, "row"))


def _ends(check: Check) -> tuple[float, float]:
    return _UNKNOWN if check.low is None or check.high is None else (check.low, check.high)


def _tone(check: Check, low: float, high: float) -> str:
    """Colour a figure whose limit is missed, or lies inside its interval."""
    if not check.passed:
        return BAD
    return ASK if low <= Limit.parse(check.limit).bound <= high else ""


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{number(value)} ({interval(low, high)})" if low == low else number(value)


def slices_against_panel(training: Training) -> Panel:
    """Each value of the columns in ``slices_against_champion``: this model against the champion."""
    slices = training.evaluation.against_slices
    judged = [(item, found) for item in slices for found in item.comparisons]
    worse = [pair for pair in judged if pair[1].outcome == WORSE]
    open_ = [pair for pair in judged if pair[1].outcome == INCONCLUSIVE]
    badge = Badge(BAD, "Worse in " + count(len(worse), "slice")) if worse else Badge(OK, "Not clearly worse")
    if not judged:
        badge = Badge(ASK, "None compared")
    notes = [f"95 % intervals, of all {count(len(judged), 'comparison')} together."] if judged else []
    if open_:
        notes.append(f"In {count(len(open_), 'slice')} the rows are too few to be sure.")
    if skipped := [item for item in slices if not item.comparisons]:
        some = count(len(skipped), "slice is", "slices are")
        notes.append(f"{some} not compared: {training.shown(skipped[0].skipped, 120)}.")
    names = dict.fromkeys(found.metric for _, found in judged)
    parts = tuple(_differences(training, name) for name in names)
    return Panel("Slices against the champion", _most_lost(training, judged), parts, badge, " ".join(notes))


def _most_lost(training: Training, judged: list[tuple[SliceComparison, Comparison]]) -> str:
    if not judged:
        return "No slice has rows enough to be compared."
    item, found = min(
        judged, key=lambda pair: pair[1].high if pair[1].outcome == WORSE else pair[1].difference
    )
    place = f"{training.slice_name(item)}: {number(found.difference, signed=True)} {found.metric}"
    return (
        f"Clearly worse in {place}." if found.outcome == WORSE else f"Lowest in {place}; not clearly worse."
    )


def _differences(training: Training, metric: str) -> Rows:
    found = [
        (item, each)
        for item in training.evaluation.against_slices
        for each in item.comparisons
        if each.metric == metric
    ]
    found.sort(key=lambda pair: pair[1].difference)
    shown = found[:_MOST_SLICES]
    bounds = [Limit.parse(each.limit).bound for _, each in shown]
    ends = [end for _, each in shown for end in (each.low, each.high)]
    scale = scale_of([*ends, *bounds, 0.0])
    rows = tuple(
        Row(
            training.slice_name(item),
            svg.interval_row(
                scale,
                each.difference,
                each.low,
                each.high,
                limit=bound,
                tone=BAD if each.outcome == WORSE else ASK if each.outcome == INCONCLUSIVE else "",
                zero=True,
            ),
            f"{number(each.difference, signed=True)} ({interval(each.low, each.high)})",
            count(item.rows, "row"),
        )
        for (item, each), bound in zip(shown, bounds, strict=True)
    )
    more = f"; {len(found) - len(shown):,} more are not shown" if len(found) > len(shown) else ""
    limits = {each.limit for _, each in shown}
    limit_text = (
        f"limit {next(iter(limits))} for the upper end" if len(limits) == 1 else "each with its limit"
    )
    return Rows(rows, svg.axis_row(scale), f"difference in {metric}, larger is better{more}", limit_text)
