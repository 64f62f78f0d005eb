"""The known name that is most similar to an unknown one, for error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 100  # comparing takes quadratic time, and a name may come from anyone


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the most similar known name, or None when none reaches ``cutoff`` (0 to 1).

    A name that differs only in case comes first.

    >>> nearest("acuracy", ["accuracy", "f1"])
    'accuracy'
    """
    name, known = name[:_LONGEST], sorted(known)
    same = [other for other in known if other.lower() == name.lower()]
    near = same or difflib.get_close_matches(name, known, cutoff=cutoff)
    return near[0] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean x?)`` for the nearest known name, or an empty text.

    >>> did_you_mean("Accuracy", ["accuracy", "f1"])
    ' (did you mean accuracy?)'
    """
    near = nearest(name, known)
    return f" (did you mean {near}?)" if near else ""
