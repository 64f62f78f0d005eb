"""A feature function keeps its rows: as many, in their order, and each without a look at the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.core.errors import ConfigError

_PROBE_ROWS: Final = 50
_TRIED_ALONE: Final = 200
_SHOWN_COLUMNS: Final = 3
_LONGEST_CELL: Final = 40

Build = Callable[[pd.DataFrame], Any]


def check_rows(features: pd.DataFrame, raw: pd.DataFrame, build: Build, path: str, *, samples: bool) -> None:
    """Raise ConfigError with an example when rows are lost, repeated, or in another order.

    :param features: what the function ``path`` returned for ``raw``, whose index is 0, 1, ….
    :param build: the function, which is asked again about single rows to find an example.
    :param samples: whether the example may quote cells.
    """
    if len(features) != len(raw):
        raise ConfigError(
            f"{path} got {len(raw):,} rows and returned {len(features):,}: it must keep every row"
            f"{_changed_row(raw, build, samples)}; join other data with `map` or "
            "`merge(how='left')` on a key that occurs once there"
        )
    if features.index.equals(raw.index):
        return
    place = int(np.flatnonzero(features.index.to_numpy() != raw.index.to_numpy())[0])
    raise ConfigError(
        f"{path} returned the rows in another order or with another index: keep the frame's index "
        f"(at place {place:,} the index has {_cell(features.index[place])}{_example(raw, place, samples)})"
    )


def check_alone(features: pd.DataFrame, raw: pd.DataFrame, build: Build, path: str, *, samples: bool) -> None:
    """Raise ConfigError when the first rows get other features without the rest, or in reversed order."""
    few = raw.head(_PROBE_ROWS)
    alone = build(few.copy())
    if not isinstance(alone, pd.DataFrame):
        return
    _check_columns(features, alone, path)
    if found := _difference(features.head(len(few)), alone, few):
        _check_order(features, raw, found[1], build, path, samples=samples)
        raise ConfigError(
            f"{path}: feature {found[0]!r} of a row depends on the other rows (the first {len(few)} rows "
            f"alone give other values{_example(raw, found[1], samples)}): use fixed mappings and constants, "
            "a served request has one row"
        )
    backwards = build(few.iloc[::-1].reset_index(drop=True))
    if not isinstance(backwards, pd.DataFrame) or len(backwards.columns) != len(alone.columns):
        return
    if found := _difference(alone, backwards.iloc[::-1], few):
        raise ConfigError(
            f"{path}: feature {found[0]!r} of a row depends on the order of the rows (the same {len(few)} "
            f"rows in reversed order give other values{_example(raw, found[1], samples)}): do not sort, "
            "shift or accumulate rows, a served request has one row"
        )


def _check_columns(together: pd.DataFrame, alone: pd.DataFrame, path: str) -> None:
    names = list(map(str, alone.columns))
    if names != list(together.columns):
        odd = sorted(set(names) ^ set(together.columns))
        raise ConfigError(
            f"{path} returns other columns for few rows than for all: {', '.join(odd[:5]) or 'order'}; "
            "name the categories yourself (pandas.Categorical(values, categories=[...]) before get_dummies), "
            "or let a Pipeline with a OneHotEncoder as train.estimator learn them"
        )


def _check_order(
    features: pd.DataFrame, raw: pd.DataFrame, row: int, build: Build, path: str, *, samples: bool
) -> None:
    """Raise ConfigError when what the function makes of one row stands at another place of its result.

    Where it makes the same of the next row, nothing is known: alone every row has the first rank, say.
    """
    places = _places(features, _alone(raw, row, build))
    if len(places) and row not in places:
        if np.array_equal(places, _places(features, _alone(raw, (row + 1) % len(raw), build))):
            return
        raise ConfigError(
            f"{path} returned the rows in another order: the features of row {row:,}"
            f"{_example(raw, row, samples, ' (', ')')} are at place {int(places[0]):,} of its result; do not "
            "sort rows, and join other data with `map` or `merge(how='left')`"
        )


def _difference(first: pd.DataFrame, second: pd.DataFrame, rows: pd.DataFrame) -> tuple[str, int] | None:
    """Return the first column and row in which features of the same rows differ, or None."""
    if len(second) != len(rows):
        return str(first.columns[0]), 0
    for name, other in zip(first.columns, second.columns, strict=True):
        same = _equal(first[name].reset_index(drop=True), second[other].reset_index(drop=True))
        if not same.all():
            return str(name), int(np.flatnonzero(~same)[0])
    return None


def _equal(first: pd.Series, second: pd.Series) -> NDArray[np.bool_]:
    """Return which values are equal, numbers within their rounding."""
    if pd.api.types.is_numeric_dtype(first) and pd.api.types.is_numeric_dtype(second):
        left, right = (values.astype("float64").to_numpy() for values in (first, second))
        return np.isclose(left, right, rtol=1e-6, atol=1e-9, equal_nan=True)
    texts = (values.astype(object).fillna("").map(str).to_numpy() for values in (first, second))
    return np.asarray(np.equal(*texts), dtype=bool)


def _changed_row(raw: pd.DataFrame, build: Build, samples: bool) -> str:
    """Return a row for which alone the function gives no row or several; empty when none is found."""
    for row in range(min(len(raw), _TRIED_ALONE)):
        single = _alone(raw, row, build)
        if single is not None and len(single) != 1:
            return f"; row {row:,}{_example(raw, row, samples, ' (', ')')} alone gives {len(single):,} rows"
    return ""


def _alone(raw: pd.DataFrame, row: int, build: Build) -> pd.DataFrame | None:
    """Return what the function makes of one row, or None when it fails on it."""
    try:
        single = build(raw.iloc[[row]].reset_index(drop=True))
    except ConfigError:
        return None
    return single if isinstance(single, pd.DataFrame) else None


def _example(
    raw: pd.DataFrame, row: int, samples: bool, before: str = ", e.g. of the row with ", after: str = ""
) -> str:
    """Return the first cells of a row, or its number where cells are not quoted."""
    if not samples:
        return "" if before == " (" else f", e.g. of row {row:,}"
    cells = [f"{name} {_cell(raw[name].iloc[row])}" for name in raw.columns[:_SHOWN_COLUMNS]]
    return f"{before}{', '.join(cells)}{after}"


def _cell(value: Any) -> str:
    text = str(value)
    return repr(text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…")


def _places(features: pd.DataFrame, single: pd.DataFrame | None) -> np.ndarray[Any, Any]:
    """Return where the features of one row stand in the result; none where they cannot be compared."""
    if single is None or len(single) != 1 or len(single.columns) != len(features.columns):
        return np.array([], dtype=np.int64)
    same = np.ones(len(features), dtype=bool)
    for name, wanted in zip(features.columns, single.columns, strict=True):
        same &= _equal(features[name], pd.Series([single[wanted].iloc[0]] * len(features)))
    return np.flatnonzero(same)
