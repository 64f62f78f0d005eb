"""The verdict on a window: which columns drifted, and whether the window did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from airflow_mlops.core.records import ColumnDrift
from airflow_mlops.monitoring.core.drift import drift_test
from airflow_mlops.monitoring.core.drift.base import Finding
from airflow_mlops.monitoring.core.drift.multiple import benjamini_hochberg
from airflow_mlops.monitoring.core.drift.profiles import ColumnProfile

MIN_ROWS: Final = 500
FALSE_DISCOVERY_RATE: Final = 0.01


@dataclass(frozen=True)
class DriftVerdict:
    """``columns`` with the largest effect first; ``verdict`` as in ``DriftReport``."""

    columns: tuple[ColumnDrift, ...]
    score: ColumnDrift | None
    drifted: tuple[str, ...]
    verdict: str


def compare_column(reference: ColumnProfile, window: ColumnProfile) -> Finding:
    """Compare two profiles of one column by the test of their kind; raises ValueError when kinds differ."""
    if reference.kind != window.kind:
        raise ValueError(f"a {reference.kind} profile cannot be compared with a {window.kind} one")
    return drift_test(reference.kind).compare(reference, window)


def judge(
    reference: Mapping[str, ColumnProfile],
    window: Mapping[str, ColumnProfile],
    *,
    score: str | None,
    rows: int,
    threshold: float,
    min_share: float = 0.0,
) -> DriftVerdict:
    """Judge a window of ``rows`` rows column by column and as a whole.

    A column drifts if its test is significant after Benjamini-Hochberg (q = 0.01) over all columns
    **and** its effect is at least ``threshold``. Columns with fewer than 500 values on either side are
    left out. The window drifts if more than ``min_share`` of the columns do; the model's score (the
    column named ``score``) is compared and counted like one of them. Fewer than 500 rows, or no column
    left: ``insufficient``.
    """
    names = [n for n in reference if n in window and min(reference[n].count, window[n].count) >= MIN_ROWS]
    found = {name: compare_column(reference[name], window[name]) for name in names}
    significant = benjamini_hochberg([found[name].p_value for name in names], FALSE_DISCOVERY_RATE)
    enough = rows >= MIN_ROWS and bool(names)
    judged = [
        _column(name, reference[name].kind, found[name], enough and flag and found[name].effect >= threshold)
        for name, flag in zip(names, significant, strict=True)
    ]
    judged.sort(key=lambda column: (-column.effect, column.column))
    drifted = tuple(column.column for column in judged if column.drifted)
    verdict = "drift" if enough and len(drifted) > min_share * len(names) else "stable"
    return DriftVerdict(
        columns=tuple(column for column in judged if column.column != score),
        score=next((column for column in judged if column.column == score), None),
        drifted=drifted,
        verdict=verdict if enough else "insufficient",
    )


def _column(name: str, kind: str, found: Finding, drifted: bool) -> ColumnDrift:
    return ColumnDrift(
        column=name,
        kind=kind,
        effect=round(found.effect, 6),
        p_value=found.p_value,
        psi=round(found.psi, 6),
        drifted=drifted,
    )
