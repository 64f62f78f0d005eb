"""Which raw columns a feature function needs: a model then asks its callers only for what it uses.

Not for columns that are known after the event, nor for a hundred that nobody reads.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.training.column_trace import columns_asked_for

_LOG: Final = logging.getLogger(__name__)
_SPREAD_ROWS: Final = 200
_BUDGET_S: Final = 5.0
_LEAST_S: Final = 0.5

Build = Callable[[pd.DataFrame], pd.DataFrame]


def needed_columns(
    raw: pd.DataFrame, build: Build, features: pd.DataFrame, fit_s: float = _BUDGET_S
) -> list[str]:
    """Return the columns of ``raw`` without which ``build`` does not make ``features``, in their order.

    ``features`` are those of all rows. A column that is a feature by its name is needed. The others are left
    out in groups, first those that the function does not ask for by name, then halves of the rest, on rows in
    which each takes its rarest value, and what is left is then tried on all rows.
    A column that was not tried within the processor seconds of the fit (half a second at least) counts as
    needed, and so do all when the trial on all rows fails.
    """
    names, deadline = list(raw.columns), time.process_time() + max(_LEAST_S, fit_s)
    kept = set(features.columns)
    in_doubt = [name for name in names if name not in kept]
    if not in_doubt:
        return names
    sample = raw.iloc[_telling_rows(raw[in_doubt])]
    try:
        whole = build(sample.copy())
    except Exception:  # noqa: BLE001 - the function needs rows that the sample has not
        return names
    asked: set[str] = set()
    with contextlib.suppress(Exception):  # it does not take a frame of another class
        asked = columns_asked_for(sample.copy(), build)
    groups = [[name for name in in_doubt if (name in asked) is seen] for seen in (False, True)]
    needed = _without_the_rest(sample, [group for group in groups if group], build, whole, deadline)
    if len(needed) < len(names) and not _makes(build, raw[needed], features):
        _LOG.warning("the features of some rows need columns that those of most do not: all are asked for")
        return names
    return needed


def _without_the_rest(
    sample: pd.DataFrame, first: list[list[str]], build: Build, whole: pd.DataFrame, deadline: float
) -> list[str]:
    """Leave out groups of columns that nothing changes without; halve the others."""
    kept = dict.fromkeys(sample.columns)
    groups = deque(first)
    while groups:
        if time.process_time() >= deadline:
            left = sum(map(len, groups))
            _LOG.info("%s columns were not tried without in time: the model asks for them", f"{left:,}")
            break
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
