"""What an evaluation says to the people who watch a pipeline: in sentences, the next step last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_mlops.core.limits import Limit
from airflow_mlops.core.records.comparisons import (
    INCONCLUSIVE,
    NOT_WORSE,
    WORSE,
    Check,
    Comparison,
    SliceCheck,
    SliceComparison,
)

_SHOWN = 3


def compared(who: str, items: Sequence[Comparison]) -> Iterator[str]:
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
        WORSE: "clearly worse" if not item.limit else f"clearly beyond its limit {limit}",
        NOT_WORSE: "not worse" if not item.limit else f"within its limit {limit}",
        INCONCLUSIVE: "no clear difference" if not item.limit else f"not enough evidence for {limit}",
    }
    found = words.get(item.outcome)
    return f"{bounds}, {found}" if found else bounds


def of_slices(slices: Sequence[SliceCheck]) -> Iterator[str]:
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


def of_slices_against(slices: Sequence[SliceComparison]) -> Iterator[str]:
    """Yield in how many slices the model is clearly worse than the champion."""
    if not slices:
        return
    judged = [item for item in slices if item.comparisons]
    worse = [item for item in judged if any(found.outcome == WORSE for found in item.comparisons)]
    open_ = [item for item in judged if any(found.outcome == INCONCLUSIVE for found in item.comparisons)]
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


def next_step(champion: int | None, *, asks: bool, passed: bool, refused: bool) -> str:
    """Return what happens now with a model that was judged against the version ``champion``.

    >>> next_step(3, asks=False, passed=False, refused=True)
    'Failed: it is not registered; version 3 stays the champion'
    """
    if asks:
        return "Next: the task decide asks a person"
    if passed:
        return "Passed: it may be registered"
    stays = f"; version {champion} stays the champion" if champion else ""
    return f"Failed: it is not registered{stays}" if refused else ""
