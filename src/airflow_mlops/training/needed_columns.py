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
from airflow_mlops.training.core.row_choice import spread

_LOG: Final = logging.getLogger(__name__)
_SPREAD_ROWS: Final = 200
_BUDGET_S: Final = 5.0
_LEAST_S: Final = 0.2
_PATIENCE: Final = 100
"""Trials in vain, in a row, after which the columns that a function asks for count as needed."""

Build = Callable[[pd.DataFrame], pd.DataFrame]


def needed_columns(
    raw: pd.DataFrame, build: Build, features: pd.DataFrame, fit_s: float = _BUDGET_S
) -> list[str]:
    """Return the columns of ``raw`` without which ``build`` does not make ``features``, in their order.

    ``features`` are those of all rows. A column that is a feature by its name is needed. Those that the
    function does not ask for by name are left out at once, if it makes all features without them. The others
    are left out in halves, on rows in which each takes its rarest value, and what is left is then tried on
    all rows. A column that was not tried within the processor seconds of the fit (a fifth of one at least)
    counts as needed, and so do all of the halves when the trial on all rows fails.
    """
    deadline = time.process_time() + max(_LEAST_S, fit_s)
    names, same = _asked_for(raw, build, features), set(features.columns)
    in_doubt = [name for name in names if name not in same]
    if not in_doubt:
        return names
    sample = raw[names].iloc[_telling_rows(raw[in_doubt])]
    try:
        whole = build(sample.copy())
    except Exception:  # noqa: BLE001 - the function needs rows that the sample has not
        return names
    patience = _PATIENCE if len(names) < raw.shape[1] else len(in_doubt) * 2
    needed = _without_the_rest(sample, in_doubt, build, whole, deadline, patience)
    if len(needed) < len(names) and not _makes(build, raw[needed], features):
        _LOG.warning("the features of some rows need columns that those of most do not: none is left out")
        return names
    return needed


def _asked_for(raw: pd.DataFrame, build: Build, features: pd.DataFrame) -> list[str]:
    """Return the columns that are features by their names or that ``build`` asks for, if these are enough."""
    names, kept = list(raw.columns), set(features.columns)
    if kept >= set(names):
        return names
    with contextlib.suppress(Exception):  # it needs other rows, or takes no frame of another class
        kept |= columns_asked_for(raw.iloc[spread(len(raw), _SPREAD_ROWS)].copy(), build)
        some = [name for name in names if name in kept]
        if some and len(some) < len(names) and _makes(build, raw[some], features):
            return some
    return names


def _without_the_rest(
    sample: pd.DataFrame,
    in_doubt: list[str],
    build: Build,
    whole: pd.DataFrame,
    deadline: float,
    patience: int,
) -> list[str]:
    """Leave out groups of columns that nothing changes without; halve the others.

    Stops after ``patience`` trials in a row that left nothing out.
    """
    kept = dict.fromkeys(sample.columns)
    groups, failed = deque([in_doubt]), 0
    while groups:
        if time.process_time() >= deadline or failed > patience:
            left = sum(map(len, groups))
            _LOG.info("%s columns were not tried without in time: the model asks for them", f"{left:,}")
            break
        group = groups.popleft()
        left_out = set(group)
        rest = [name for name in kept if name not in left_out]
        if rest and _makes(build, sample[rest], whole):
            kept, failed = dict.fromkeys(rest), 0
            continue
        failed += 1
        if len(group) > 1:
            half = len(group) // 2
            groups += [group[:half], group[half:]]
    return list(kept)


def _telling_rows(raw: pd.DataFrame) -> list[int]:
    """Return positions of rows: some from everywhere, and for each column one with its rarest value."""
    rarest = []
    for name in raw.columns:
        try:
            codes, _ = pd.factorize(raw[name], use_na_sentinel=False)
        except TypeError:  # lists or mappings in the cells
            continue
        rarest.append(int(np.argmin(np.bincount(codes)[codes])))
    return sorted({*spread(len(raw), _SPREAD_ROWS).tolist(), *rarest})


def _makes(build: Build, rows: pd.DataFrame, expected: pd.DataFrame) -> bool:
    """Whether ``build`` makes the expected features of these rows."""
    try:
        found: Any = build(rows.copy())
        return bool(found.rename(columns=str).reset_index(drop=True).equals(expected.reset_index(drop=True)))
    except Exception:  # noqa: BLE001 - a function that fails without a column needs it, whatever it raised
        return False
