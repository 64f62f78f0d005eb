"""Names of features that libraries refuse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_REFUSED: Final = frozenset('[]<{}":,')
"""XGBoost refuses the first three, LightGBM the others and brackets."""
_SHOWN: Final = 5


def renaming_hint(error: Exception, columns: Iterable[object]) -> str:
    """Return which columns to rename when an estimator refused the name of a feature, else an empty text.

    >>> renaming_hint(ValueError("feature_names may not contain [, ] or <"), ["a", "b[0]"])
    " (columns with such a name: 'b[0]'; rename them at the source, or in a feature function)"
    """
    reason = str(error).lower().replace("_", " ")
    odd = [str(name) for name in columns if _REFUSED & set(str(name))]
    if not odd or "feature name" not in reason:
        return ""
    more = f" and {len(odd) - _SHOWN:,} more" if len(odd) > _SHOWN else ""
    shown = ", ".join(map(repr, odd[:_SHOWN])) + more
    return f" (columns with such a name: {shown}; rename them at the source, or in a feature function)"
