"""Transformers that are fitted to what decides their fit: a median, the levels of a column.

scikit-learn sorts every column for a median and counts texts one by one. After the fit ``as_plain`` makes
them scikit-learn's own classes again, with the attributes that these would have had.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder


class QuickImputer(SimpleImputer):  # type: ignore[misc]
    """A SimpleImputer whose medians are selected, not read off sorted columns."""

    def fit(self, rows: Any, target: Any = None) -> QuickImputer:
        """Fit to rows with the same medians and gaps, where it is medians that are asked for."""
        super().fit(_medians(rows) if self.strategy == "median" else rows, target)
        return self


class QuickEncoder(OneHotEncoder):  # type: ignore[misc]
    """A OneHotEncoder that counts levels only where there may be more than it keeps."""

    def fit(self, rows: Any, target: Any = None) -> QuickEncoder:
        """Fit to each level once, where none is left out for being rare."""
        super().fit(_levels(rows, self.max_categories), target)
        return self


_PLAIN = {QuickImputer: SimpleImputer, QuickEncoder: OneHotEncoder}


def as_plain(steps: ColumnTransformer) -> None:
    """Make the transformers of fitted steps scikit-learn's own."""
    for _, part, _ in (*steps.transformers, *getattr(steps, "transformers_", ())):
        for step in part if isinstance(part, Pipeline) else ():
            step.__class__ = _PLAIN.get(type(step), type(step))


def _medians(rows: Any) -> Any:
    """Return three rows with the medians of all, and gaps in the columns that have some."""
    if not isinstance(rows, pd.DataFrame) or not all(dtype == np.float64 for dtype in rows.dtypes):
        return rows
    found = {}
    for name in rows.columns:
        values = rows[name].to_numpy()
        known = values[~np.isnan(values)]
        middle = np.median(known) if known.size else np.nan
        edge = middle if known.size == values.size else np.nan
        found[name] = [edge, middle, edge]
    return pd.DataFrame(found)


def _levels(rows: Any, most: int | None) -> Any:
    """Return rows that have each level of each column, or all rows where a rare level may be left out."""
    if not isinstance(rows, pd.DataFrame):
        return rows
    levels = {name: rows[name].unique() for name in rows.columns}
    longest = max(map(len, levels.values()), default=0)
    if not longest or (most is not None and longest >= most):
        return rows
    return pd.DataFrame({name: np.resize(some, longest) for name, some in levels.items()})
