"""The difference between two configurations, as a profile of a pipeline file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_mlops.config.faults import KeyPath

_REMOVABLE: Final[Mapping[KeyPath, Any]] = {
    ("data", "source", "filepath"): None,
    ("data", "source", "callable"): None,
    ("data", "holdout"): 0.2,
    ("train", "tune"): None,
}
"""Keys that a profile can remove, with the value that does it."""


def profile_changes(
    lower: Mapping[str, Any], upper: Mapping[str, Any]
) -> tuple[dict[str, Any], list[KeyPath]]:
    """Return the profile that turns ``lower`` into ``upper``, and the keys that a profile cannot remove."""
    changes: dict[str, Any] = {}
    lost: list[KeyPath] = []
    for section in ("data", "train", "evaluate"):
        _compare(lower[section], upper[section], (section,), changes, lost)
    return changes, lost


def _compare(lower: Any, upper: Any, path: KeyPath, changes: dict[str, Any], lost: list[KeyPath]) -> None:
    """Add the differences at ``path`` and below under dotted keys; a profile merges mappings."""
    if lower == upper:
        return
    both = isinstance(lower, Mapping) and isinstance(upper, Mapping)
    if not both or any("." in key or not key for key in upper):
        changes[".".join(map(str, path))] = upper
        lost += [(*path, key) for key in lower if key not in upper] if both else []
        return
    for key in dict.fromkeys((*lower, *upper)):
        here = (*path, key)
        if key in upper and key in lower:
            _compare(lower[key], upper[key], here, changes, lost)
        elif key in upper:
            changes[".".join(map(str, here))] = upper[key]
        elif here in _REMOVABLE:
            changes[".".join(map(str, here))] = _REMOVABLE[here]
        else:
            lost.append(here)
