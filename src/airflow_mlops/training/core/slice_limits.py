"""Slices held against the champion: where the model is clearly worse, and what could not be compared."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_mlops.core.records import SliceComparison
from airflow_mlops.core.records.evaluation import WORSE


def worse(slices: Sequence[SliceComparison]) -> tuple[str, ...]:
    """Return one sentence for each slice and metric whose whole interval is beyond the limit."""
    tests = sum(len(item.comparisons) for item in slices)
    together = f" for all {tests:,} comparisons of slices together" if tests > 1 else ""
    return tuple(
        f"worse for {item.column}={item.value} ({item.rows:,} rows): {found.metric} {found.challenger:.4g} "
        f"against {found.champion:.4g} of the champion, difference {found.interval}{together}, not even the "
        f"upper bound is {found.limit}"
        for item in slices
        for found in item.comparisons
        if found.outcome == WORSE
    )


def silent(slices: Sequence[SliceComparison]) -> tuple[str, ...]:
    """Say of which columns no value could be compared, and what would help."""
    judged = {item.column for item in slices if item.comparisons}
    largest = {item.column: item for item in sorted(slices, key=lambda item: item.rows)}
    return tuple(
        f"no value of {column} can be compared with the champion ({item.value}: {item.skipped}); hold out "
        "more rows, or lower evaluate.min_slice_rows"
        for column, item in largest.items()
        if column not in judged
    )
