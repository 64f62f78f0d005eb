"""Faults of a window that are not drift: missing columns, more nulls, unknown levels, wild values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from airflow_mlops.monitoring.core.drift import drift_test
from airflow_mlops.monitoring.core.drift.profiles import ColumnProfile

_MORE_NULLS: Final = 0.05


def quality_findings(
    reference: Mapping[str, ColumnProfile], window: Mapping[str, ColumnProfile]
) -> tuple[str, ...]:
    """Return one sentence per fault of the window, in the order of the reference's columns."""
    found: list[str] = []
    for name, before in reference.items():
        after = window.get(name)
        if after is None or after.kind != before.kind:
            found.append(f"{name}: missing from the window, or not {before.kind} any more")
            continue
        found += [f"{name}: {text}" for text in (_nulls(before, after), _values(before, after)) if text]
    return tuple(found)


def _nulls(before: ColumnProfile, after: ColumnProfile) -> str:
    was, now = (side.nulls / max(side.nulls + side.count, 1) for side in (before, after))
    return f"{now:.1%} null, {was:.1%} in the reference" if now - was > _MORE_NULLS else ""


def _values(before: ColumnProfile, after: ColumnProfile) -> str:
    return drift_test(before.kind).fault(before, after) if before.count and after.count else ""
