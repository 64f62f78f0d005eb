"""What was it learned from: rows, split, leaks, features; and which columns matter."""

from __future__ import annotations

from typing import Final

from airflow_mlops.cards import svg
from airflow_mlops.cards.core.scales import Scale, number
from airflow_mlops.cards.panel import ASK, IDLE, OK, Badge, Items, Pairs, Panel, Row, Rows
from airflow_mlops.cards.training import Training, count, cut
from airflow_mlops.core.records.data import DatasetRef
from airflow_mlops.core.records.leaks import MEASURES, LeakProbe

_MOST_COLUMNS: Final = 20
_MOST_NOTES: Final = 6
_MOST_FEATURES: Final = 24


def data_panel(training: Training) -> Panel:
    """Rows, validation, split and what was noticed on the way."""
    features = training.features
    pairs = [
        ("Learned from", _side(features.train)),
        ("Judged on", _side(features.holdout)),
        ("Split", cut(features.split, 300)),
    ]
    if features.aside is not None:
        pairs.append(("On neither side", _side(features.aside)))
    if features.window:
        pairs.append(("Rows of the source", cut(features.window, 200)))
    pairs.append(("Validation", cut(_validation(training), 400)))
    quarantined = features.train.times.quarantined if features.train.times else 0
    if quarantined:
        pairs.append(("Quarantined", count(quarantined, "row")))
    notes = [training.shown(note) for note in features.notes if not _is_leak(training, note)]
    more = [f"and {len(notes) - _MOST_NOTES} more notes"] if len(notes) > _MOST_NOTES else []
    sentence = f"{count(features.train.rows, 'row')} to learn from, {features.holdout.rows:,} to judge on."
    badge = Badge(ASK, count(len(notes), "note")) if notes else Badge(OK, "Nothing noticed")
    parts = (Pairs(tuple(pairs)), *((Items((*notes[:_MOST_NOTES], *more)),) if notes else ()))
    return Panel("Data and split", sentence, parts, badge)


def _side(side: DatasetRef) -> str:
    span = f", {side.times.span}" if side.times else ""
    return f"{count(side.rows, 'row')}{span}, digest {side.digest[:12]}"


def _validation(training: Training) -> str:
    if training.features.validation:
        return training.features.validation
    return (
        "no expectations (validate)"
        if not training.features.validation_page
        else "see validation.html in the run"
    )


def _is_leak(training: Training, note: str) -> bool:
    leaks = training.features.leaks
    return leaks is not None and note == leaks.sentence


def leaks_panel(training: Training) -> Panel:
    """Whether one feature alone tells the target."""
    probe = training.features.leaks
    if probe is None:
        return Panel("Leaks", "The leak probe is off.", badge=Badge(IDLE, "Not looked at"))
    allowed = (
        f" Not reported, because allowed: {', '.join(map(cut, probe.allowed))}." if probe.allowed else ""
    )
    note = f"{count(probe.columns, 'feature')}, each alone, on {count(probe.rows, 'training row')}.{allowed}"
    if probe.leaks:
        items = Items(tuple(training.shown(str(leak)) for leak in probe.leaks[:_MOST_NOTES]))
        more = len(probe.leaks) - _MOST_NOTES
        rest = f" {more} more are not shown." if more > 0 else ""
        names = ", ".join(cut(leak.column) for leak in probe.leaks[:3])
        sentence = f"{names} {'tells' if len(probe.leaks) == 1 else 'tell'} the target suspiciously well."
        return Panel(
            "Leaks", sentence, (items,), Badge(ASK, count(len(probe.leaks), "suspicion")), note + rest
        )
    return Panel("Leaks", _strongest(probe), badge=Badge(OK, "None found"), note=note)


def _strongest(probe: LeakProbe) -> str:
    if not probe.strongest:
        return "No feature tells anything of the target alone."
    score = f"{MEASURES[probe.measure]} {number(probe.score)}"
    return f"No feature alone is suspicious; the strongest is {cut(probe.strongest)}, {score}."


def features_panel(training: Training) -> Panel:
    """Which features there are, how they were made, and by what they were learned."""
    features = training.features.features
    shown = ", ".join(cut(name, 30) for name in features[:_MOST_FEATURES])
    more = f" and {len(features) - _MOST_FEATURES:,} more" if len(features) > _MOST_FEATURES else ""
    made = cut(training.function, 80) if training.function else "none: the columns as they are"
    model = training.evaluation.model
    steps = (
        cut("; ".join(model.preprocess.description), 600)
        or "none: the estimator takes the features as they are"
    )
    pairs = [("Features", shown + more), ("Feature function", made), ("Preprocessing", steps)]
    if estimator := training.params.get("estimator"):
        pairs.append(("Estimator", cut(estimator, 200)))
    if model.params:
        chosen = ", ".join(f"{name} = {value}" for name, value in model.params.items())
        pairs.append(("Parameters", cut(chosen, 600)))
    if model.rounds:
        pairs.append(("Early stopping", count(model.rounds, "round")))
    notes = tuple(training.shown(note) for note in model.preprocess.notes[:_MOST_NOTES])
    parts = (Pairs(tuple(pairs)), *((Items(notes),) if notes else ()))
    badge = Badge(ASK, count(len(model.preprocess.notes), "note")) if notes else None
    return Panel("Features and estimator", f"{count(len(features), 'feature')}.", parts, badge)


def importances_panel(training: Training) -> Panel:
    """What the metric loses when a column is shuffled."""
    found, metric = training.importances, training.metric
    if found is None or not found.items:
        why = training.no_importances or "no column could be shuffled"
        return Panel(
            "Importance of columns",
            "Not computed.",
            (Items((training.shown(why),)),),
            Badge(IDLE, "Not known"),
        )
    shown = found.items[:_MOST_COLUMNS]
    ends = [end for item in shown for end in (item.lost, item.low, item.high) if end == end]
    scale = Scale(min(0.0, *ends), max(*ends, 1e-9) * 1.02)
    rows = tuple(
        Row(
            cut(item.column, 24),
            svg.bar_row(scale, item.lost, item.low, item.high),
            number(item.lost),
            bold=place == 0,
        )
        for place, item in enumerate(shown)
    )
    first = shown[0]
    sentence = "No column alone matters."
    if first.lost > 0:
        sentence = f"{cut(first.column)} matters most: {number(first.lost)} {metric}."
    notes = [
        f"{metric} lost when a column is shuffled, on {count(found.rows, 'row')} of the hold-out; the "
        f"intervals are the error of {count(found.repeats, 'shuffle')}."
    ]
    if len(found.items) > len(shown):
        notes.append(f"{len(found.items) - len(shown)} more columns lose less.")
    if found.left_out:
        notes.append(f"{count(found.left_out, 'column')} not tried: it would have taken too long.")
    part = Rows(rows, svg.axis_row(scale), f"{metric} lost")
    return Panel("Importance of columns", sentence, (part,), note=" ".join(notes), width="half")
