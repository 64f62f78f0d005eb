"""Faults of a window that are not drift: missing columns, more nulls, unknown levels, wild values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from airflow_mlops.monitoring.core.drift.profiles import CategoricalProfile, ColumnProfile, NumericProfile

_MORE_NULLS: Final = 0.05
_MORE_UNKNOWN: Final = 0.01


def quality_findings(
    reference: Mapping[str, ColumnProfile], window: Mapping[str, ColumnProfile]
) -> tuple[str, ...]:
    """Return one sentence per fault of the window, in the order of the reference's columns."""
    found: list[str] = []
    for name, before in reference.items():
        after = window.get(name)
        if after is None:
            found.append(f"{name}: missing from the window, or not {before.kind} any more")
            continue
        found += [f"{name}: {text}" for text in (_nulls(before, after), _values(before, after)) if text]
    return tuple(found)


def _nulls(before: ColumnProfile, after: ColumnProfile) -> str:
    was, now = (side.nulls / max(side.nulls + side.count, 1) for side in (before, after))
    return f"{now:.1%} null, {was:.1%} in the reference" if now - was > _MORE_NULLS else ""


def _values(before: ColumnProfile, after: ColumnProfile) -> str:
    if not before.count or not after.count:
        return ""
    if isinstance(before, CategoricalProfile) and isinstance(after, CategoricalProfile):
        was, now = before.other / before.count, after.other / after.count
        more = now - was > _MORE_UNKNOWN
        return f"{now:.1%} rare or unknown levels, {was:.1%} in the reference" if more else ""
    if isinstance(before, NumericProfile) and isinstance(after, NumericProfile):
        width = before.high - before.low
        wild = width and (after.low < before.low - width or after.high > before.high + width)
        span = f"{before.low:g} to {before.high:g}"
        return f"values from {after.low:g} to {after.high:g}, {span} in the reference" if wild else ""
    return ""
