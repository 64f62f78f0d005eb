"""Which raw columns a feature function needs: a model then asks its callers only for what it uses.

Not for columns that are known after the event, nor for a hundred that nobody reads.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

_LOG: Final = logging.getLogger(__name__)
_SPREAD_ROWS: Final = 200
_BUDGET_S: Final = 5.0

Build = Callable[[pd.DataFrame], pd.DataFrame]


def needed_columns(
    raw: pd.DataFrame, build: Build, features: pd.DataFrame, budget_s: float = _BUDGET_S
) -> list[str]:
    """Return the columns of ``raw`` without which ``build`` does not make ``features``, in their order.

    ``features`` are those of all rows. A column that is a feature by its name is needed; the others are left
    out in halves, on rows in which each takes its rarest value, and what is left is then tried on all rows.
    A column that was not tried within ``budget_s`` seconds of processor time counts as needed, and so do all
    when the trial on all rows fails.
    """
    names = list(raw.columns)
    in_doubt = [name for name in names if name not in set(features.columns)]
    if not in_doubt:
        return names
    sample = raw.iloc[_telling_rows(raw)]
    try:
        whole = build(sample.copy())
    except Exception:  # noqa: BLE001 - the function needs rows that the sample has not
        return names
    needed = _without_the_rest(sample, in_doubt, build, whole, time.process_time() + budget_s)
    if len(needed) < len(names) and not _makes(build, raw[needed], features):
        _LOG.warning("the features of some rows need columns that those of most do not: all are asked for")
        return names
    return needed


def _without_the_rest(
    sample: pd.DataFrame, in_doubt: list[str], build: Build, whole: pd.DataFrame, deadline: float
) -> list[str]:
    """Leave out groups of columns that nothing changes without; halve the others."""
    kept = dict.fromkeys(sample.columns)
    groups = deque([in_doubt])
    while groups and time.process_time() < deadline:
        group = groups.popleft()
        rest = [name for name in kept if name not in set(group)]
        if rest and _makes(build, sample[rest], whole):
            kept = dict.fromkeys(rest)
        elif len(group) > 1:
            half = len(group) // 2
            groups += [group[:half], group[half:]]
    return list(kept)


def _telling_rows(raw: pd.DataFrame) -> list[int]:
    """Return positions of rows: some from everywhere, and for each column one with its rarest value."""
    spread = np.linspace(0, len(raw) - 1, min(_SPREAD_ROWS, len(raw))).astype(int)
    rarest = []
    for name in raw.columns:
        try:
            codes, _ = pd.factorize(raw[name], use_na_sentinel=False)
        except TypeError:  # lists or mappings in the cells
            continue
        rarest.append(int(np.argmin(np.bincount(codes)[codes])))
    return sorted({*spread.tolist(), *rarest})


def _makes(build: Build, rows: pd.DataFrame, expected: pd.DataFrame) -> bool:
    """Whether ``build`` makes the expected features of these rows."""
    try:
        found: Any = build(rows.copy())
        return bool(found.rename(columns=str).reset_index(drop=True).equals(expected.reset_index(drop=True)))
    except Exception:  # noqa: BLE001 - a function that fails without a column needs it, whatever it raised
        return False
