"""What an evaluation says to the people who watch a pipeline: in sentences, the next step last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from airflow_mlops.core.limits import Limit
from airflow_mlops.core.positive_class import about

if TYPE_CHECKING:
    from airflow_mlops.core.records.evaluation import Check, Comparison, Evaluation, SliceCheck

_SHOWN = 3


def summary_of(evaluation: Evaluation) -> str:
    """Return figures with their rows, comparisons, what else was looked at, and what happens now."""
    rows = f" on {evaluation.rows:,} hold-out rows" if evaluation.rows else ""
    return ". ".join(filter(None, (*_findings(evaluation, rows), _next(evaluation))))


def findings_of(evaluation: Evaluation) -> str:
    """Return what was found, for a text that says elsewhere what became of the model."""
    return ". ".join(filter(None, _findings(evaluation, "")))


def _findings(evaluation: Evaluation, rows: str) -> Iterator[str]:
    figures = ", ".join(f"{name} {value:.3f}" for name, value in evaluation.metrics.items())
    dummy = "".join(f"; a dummy has {name} {value:.3f}" for name, value in list(evaluation.dummy.items())[:1])
    yield f"{figures}{about(evaluation.of_class)}{rows}{dummy}"
    yield from _against(f"the champion, version {evaluation.champion_version}", evaluation.comparisons)
    if evaluation.left_out and evaluation.comparisons:
        yield f"{evaluation.left_out:,} rows that the champion has learned from do not count"
    who = f"the best earlier champion, version {evaluation.anchor_version}"
    yield from _against(who, evaluation.against_anchor)
    if evaluation.not_compared and evaluation.not_compared not in evaluation.caution:
        yield f"Not compared with the champion: {evaluation.not_compared}"
    yield from _slices(evaluation.slices)
    yield from _slices_against(evaluation)
    yield from (f"{item.column}: {item.measure} {item.figures}" for item in evaluation.groups if item.figures)
    yield from (f"{item.name}: {item.figures}" for item in evaluation.budget)
    if evaluation.caution:
        yield f"Caution: {evaluation.caution}"


def _against(who: str, items: Sequence[Comparison]) -> Iterator[str]:
    """Yield what was compared, on which rows, and what these rows can show."""
    if not items:
        return
    first = items[0]
    rows = f"{first.rows:,} rows" if first.rows else "rows"
    units = f" of {first.units:,} {first.unit}" if first.unit != "rows" else ""
    yield f"Compared with {who}, on the same {rows}{units}: {', '.join(map(_difference, items))}"
    if first.detectable:
        yield (
            f"These rows show a true difference in {first.metric} of {first.detectable:.2g} or more in 4 of "
            "5 cases, a smaller one less often"
        )


def _difference(item: Comparison) -> str:
    bounds = f"{item.metric} {item.difference:+.3f} (95 % interval {item.low:+.3f} to {item.high:+.3f})"
    limit = item.limit or ">= 0"
    words = {
        "worse": "clearly worse" if not item.limit else f"clearly beyond its limit {limit}",
        "not_worse": "not worse" if not item.limit else f"within its limit {limit}",
        "inconclusive": "no clear difference" if not item.limit else f"not enough evidence for {limit}",
    }
    found = words.get(item.outcome)
    return f"{bounds}, {found}" if found else bounds


def _slices(slices: Sequence[SliceCheck]) -> Iterator[str]:
    """Yield how many slices were judged, the one that is closest to its limit, and those that were not."""
    if not slices:
        return
    judged = [(item, check) for item in slices for check in item.checks]
    count = sum(bool(item.checks) for item in slices)
    text = f"{count:,} of {len(slices):,} slices are judged"
    if judged:
        item, check = min(judged, key=lambda pair: (pair[1].passed, margin(pair[1])))
        state = "missed in" if not check.passed else "closest to its limit in"
        text += (
            f", {state} {item.column}={item.value} ({item.rows:,} rows): {check.name} {check.value:.3f}, "
            f"required {check.limit}"
        )
    yield text + _left_out([(f"{item.column}={item.value}", item.skipped) for item in slices if item.skipped])


def margin(check: Check) -> float:
    """Return how far a figure is inside its limit; negative beyond it."""
    limit = Limit.parse(check.limit)
    return check.value - limit.bound if limit.is_floor else limit.bound - check.value


def _slices_against(evaluation: Evaluation) -> Iterator[str]:
    """Yield in how many slices the model is clearly worse than the champion."""
    slices = evaluation.against_slices
    if not slices:
        return
    judged = [item for item in slices if item.comparisons]
    worse = [item for item in judged if any(found.outcome == "worse" for found in item.comparisons)]
    open_ = [item for item in judged if any(found.outcome == "inconclusive" for found in item.comparisons)]
    text = f"Slices against the champion: clearly worse in {len(worse):,} of {len(judged):,}"
    if open_:
        text += f", too few rows to be sure in {len(open_):,}"
    yield text + _left_out([(f"{item.column}={item.value}", item.skipped) for item in slices if item.skipped])


def _left_out(skipped: Sequence[tuple[str, str]]) -> str:
    if not skipped:
        return ""
    shown = ", ".join(f"{name} ({why})" for name, why in skipped[:_SHOWN])
    more = f" and {len(skipped) - _SHOWN:,} more" if len(skipped) > _SHOWN else ""
    return f"; not enough evidence about {shown}{more}"


def _next(evaluation: Evaluation) -> str:
    """Return what happens now."""
    if evaluation.asks:
        return "Next: the task decide asks a person"
    if evaluation.passed:
        return "Passed: it may be registered"
    if not evaluation.reasons:
        return ""
    champion = evaluation.champion_version
    stays = f"; version {champion} stays the champion" if champion else ""
    return f"Failed: it is not registered{stays}"
