"""What scikit-learn lacks between raw columns and an estimator.

A cloudpickle packs it by value: it imports nothing but numpy, pandas and scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

_WORD = r"(?u)\b\w+\b"
PARTS = ("elapsed", "month", "day", "weekday", "hour")
"""Days since 1970 with fractions, then parts of the calendar."""
_ATTRIBUTES = {"weekday": "day_of_week"}


def as_numbers(frame: pd.DataFrame, keep_infinite: bool = False) -> pd.DataFrame:
    """Return each column as float64: booleans as 0 and 1, durations in seconds, other cells as gaps.

    >>> rows = pd.DataFrame({"a": [True, None, False], "b": ["1.5", "n/a", "-2"]}, dtype=object)
    >>> as_numbers(rows).values.tolist()
    [[1.0, 1.5], [nan, nan], [0.0, -2.0]]
    """
    columns = {name: _numbers(frame[name]) for name in frame.columns}
    if not keep_infinite:
        columns = {
            name: cells if np.isfinite(cells).all() else np.where(np.isinf(cells), np.nan, cells)
            for name, cells in columns.items()
        }
    return pd.DataFrame(columns, index=frame.index)


def _numbers(values: pd.Series) -> np.ndarray[Any, Any]:
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        seconds: np.ndarray[Any, Any] = values.dt.total_seconds().to_numpy(dtype="float64")
        return seconds
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype="float64", na_value=np.nan)
    cells = values.astype(object)
    if isinstance(next(iter(cells.dropna()), None), pd.Timedelta):
        return pd.to_timedelta(cells).dt.total_seconds().to_numpy(dtype="float64")
    cells = cells.map(lambda cell: float(cell) if not isinstance(cell, str) else cell, na_action="ignore")
    return pd.to_numeric(cells.where(cells.notna(), None), errors="coerce").to_numpy(dtype="float64")


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return each column as text in object cells, gaps as NaN; a whole number has no fraction.

    >>> as_text(pd.DataFrame({"a": [1.0, 2.5, None], "b": ["x", None, 1]}, dtype=object)).values.tolist()
    [['1', 'x'], ['2.5', nan], [nan, '1']]
    """
    return pd.DataFrame({name: _texts(frame[name]) for name in frame.columns}, index=frame.index)


def _texts(values: pd.Series, gap: Any = np.nan) -> np.ndarray[Any, Any]:
    codes, levels = pd.factorize(values)
    texts = np.array([*(_text(level) for level in levels), gap], dtype=object)
    cells: np.ndarray[Any, Any] = texts[codes]  # a gap has the code -1
    return cells


def _text(level: Any) -> str:
    if isinstance(level, float | np.floating) and np.isfinite(level) and level == int(level):
        return str(int(level))
    return str(level)


def date_parts(frame: pd.DataFrame, parts: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return the ``parts`` of each column as numbers; text is read as ISO 8601, anything else is a gap.

    >>> rows = pd.DataFrame({"seen": ["1970-01-02T12:00", None]})
    >>> date_parts(rows, {"seen": ["elapsed", "hour"]}).values.tolist()
    [[1.5, 12.0], [nan, nan]]
    """
    columns: dict[str, Any] = {}
    for name, wanted in parts.items():
        times = _times(frame[name])
        for part in wanted:
            columns[f"{name}_{part}"] = _part(times, part)
    return pd.DataFrame(columns, index=frame.index)


def part_names(step: Any, names: Any = None) -> np.ndarray[Any, Any]:  # noqa: ARG001 - scikit-learn's
    """Return the names of the columns that ``date_parts`` makes in a FunctionTransformer."""
    parts = step.kw_args["parts"]
    return np.array([f"{name}_{part}" for name, some in parts.items() for part in some], dtype=object)


def _times(values: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values
    cells = values.astype(object)
    read = pd.to_datetime(cells.where(cells.notna(), None), utc=True, format="ISO8601", errors="coerce")
    return pd.Series(read, index=values.index)


def _part(times: pd.Series, part: str) -> np.ndarray[Any, Any]:
    if part == "elapsed":
        utc = times.dt.tz_convert(None) if times.dt.tz is not None else times
        since = utc.to_numpy() - np.datetime64(0, "s")  # in their own unit: nanoseconds have no year 1
        days: np.ndarray[Any, Any] = since / np.timedelta64(1, "D")
        return days
    found: np.ndarray[Any, Any] = getattr(times.dt, _ATTRIBUTES.get(part, part)).to_numpy(dtype="float64")
    return found


class Categories(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns as pandas categories with the levels of training; any other level is a gap."""

    def fit(self, frame: pd.DataFrame, target: Any = None) -> Categories:  # noqa: ARG002 - scikit-learn's
        """Keep the levels of each column, as text and in order."""
        texts = as_text(frame)
        self.levels_ = {str(name): sorted(texts[name].dropna().unique()) for name in texts.columns}
        self.feature_names_in_ = np.array(list(self.levels_), dtype=object)
        self.n_features_in_ = len(self.levels_)
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns with the dtype ``category``."""
        texts = as_text(frame)
        columns = {
            name: pd.Categorical.from_codes(pd.Index(levels).get_indexer(texts[name]), pd.Index(levels))
            for name, levels in self.levels_.items()
        }
        return pd.DataFrame(columns, index=frame.index)

    def get_feature_names_out(self, names: Any = None) -> np.ndarray[Any, Any]:  # noqa: ARG002 - scikit-learn's
        """Return the names of the columns: they stay as they are."""
        return self.feature_names_in_


class Words(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The words of one column of texts: TF-IDF, sparse, or reduced to ``components`` dense columns.

    ``most`` limits the words. A column without any word gives one column of zeros.
    """

    def __init__(self, components: int = 0, most: int = 20_000) -> None:
        self.components = components
        self.most = most

    def fit(self, frame: pd.DataFrame, target: Any = None) -> Words:  # noqa: ARG002 - scikit-learn's
        """Learn the words of the first column."""
        self.feature_names_in_ = np.array([str(name) for name in frame.columns], dtype=object)
        self.n_features_in_ = frame.shape[1]
        texts = self._texts(frame)
        words = TfidfVectorizer(max_features=self.most, sublinear_tf=True, token_pattern=_WORD)
        try:
            found = words.fit_transform(texts)
        except ValueError:  # no word at all
            self.words_ = self.reduction_ = None
            return self
        self.words_ = words
        size = min(self.components, found.shape[1] - 1)
        self.reduction_ = TruncatedSVD(size, random_state=0).fit(found) if size > 0 else None
        return self

    def transform(self, frame: pd.DataFrame) -> Any:
        """Return the weights of the words, shape (rows, words) or (rows, components)."""
        if self.words_ is None:
            return np.zeros((len(frame), 1))
        found = self.words_.transform(self._texts(frame))
        if self.reduction_ is not None:
            return self.reduction_.transform(found)
        return found.toarray() if self.components else found

    def get_feature_names_out(self, names: Any = None) -> np.ndarray[Any, Any]:  # noqa: ARG002 - scikit-learn's
        """Return names of the columns: of the words, or numbered."""
        column = self.feature_names_in_[0]
        if self.words_ is None:
            ends = ["none"]
        elif self.reduction_ is None:
            ends = list(self.words_.get_feature_names_out())
        else:
            ends = [str(number) for number in range(self.reduction_.n_components)]
        return np.array([f"{column}_{end}" for end in ends], dtype=object)

    def _texts(self, frame: pd.DataFrame) -> list[str]:
        return list(_texts(frame.iloc[:, 0], ""))
