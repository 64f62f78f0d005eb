"""The nearest known name to one that is not known, for error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the most similar known name, or None when none reaches ``cutoff`` (0 to 1).

    One that differs only in small and capital letters comes first.
    """
    known = sorted(known)
    alike = [other for other in known if other.lower() == name.lower()]
    near = alike or difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return near[0] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean x?)`` for the nearest known name, or nothing."""
    near = nearest(name, known)
    return f" (did you mean {near}?)" if near else ""
