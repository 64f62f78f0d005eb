"""Facts about the columns of training rows, for the planning of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.model_steps.columns import PARTS, as_numbers, date_parts
from airflow_mlops.training.core import preprocessing as core
from airflow_mlops.training.core.preprocessing import ColumnFacts
from airflow_mlops.training.core.row_choice import spread

_ISO_DATE: Final = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|UTC|[+-]\d\d(:?\d\d)?)?)?"
_CODE: Final = r"[+-]?0\d+.*"
_FEW_LEVELS: Final = 10
_NEARLY: Final = 1.05
_SAMPLE: Final = 2_000
_DENSE_COUNTER: Final = 0.5
_MIN_COUNTER: Final = 50
_KINDS: Final[Mapping[str, str]] = {
    "boolean": core.FLAG,
    "integer": core.NUMBER,
    "floating": core.NUMBER,
    "mixed-integer-float": core.NUMBER,
    "decimal": core.NUMBER,
    "timedelta": core.NUMBER,
    "timedelta64": core.NUMBER,
    "datetime": core.DATE,
    "datetime64": core.DATE,
    "date": core.DATE,
    "categorical": core.CATEGORY,
    "string": core.TEXT,
    "time": core.TEXT,
    "mixed": core.TEXT,
    "mixed-integer": core.TEXT,
    "empty": core.EMPTY,
}

Entities = Callable[[], pd.Series | None]


def facts_of(
    frame: pd.DataFrame,
    wished: Mapping[str, str] | None = None,
    entities: Entities = lambda: None,
) -> tuple[ColumnFacts, ...]:
    """Return the facts of each column.

    ``wished`` are kinds that the user has given to columns, ``entities`` returns the entity of each row, None
    when no entity has two.

    >>> rows = pd.DataFrame({"age": [1.0, None, 3.0], "town": ["Ulm", "Bonn", "Ulm"]})
    >>> [(column.kind, column.gaps, column.levels) for column in facts_of(rows)]
    [('number', 1, 0), ('text', 0, 2)]
    """
    return tuple(_facts(frame[name], (wished or {}).get(str(name)), entities) for name in frame.columns)


def plain_kind(values: pd.Series) -> str | None:
    """Return the kind of a column of NumPy's numbers or booleans, None for any other."""
    if not isinstance(values.dtype, np.dtype) or values.dtype.kind not in "biuf":
        return None
    return core.FLAG if values.dtype.kind == "b" else core.NUMBER


def are_plain(frame: pd.DataFrame, gaps: bool) -> bool:
    """Whether all columns are NumPy's numbers or booleans, finite, and without gaps unless these are taken.

    The answer for most tables, in one pass over the values.

    >>> rows = pd.DataFrame({"a": [1.0, None], "b": [1, 2]})
    >>> are_plain(rows, gaps=False), are_plain(rows, gaps=True)
    (False, True)
    """
    if any(plain_kind(frame[name]) is None for name in frame.columns):
        return False
    return all(_is_finite(frame[name].to_numpy(), gaps) for name in frame.columns)


def _is_finite(cells: np.ndarray[Any, Any], gaps: bool) -> bool:
    if cells.dtype.kind != "f" or np.isfinite(cells).all():
        return True
    missing = np.isnan(cells)
    return bool(gaps and not missing.all() and not np.isinf(cells).any())


def _facts(values: pd.Series, wish: str | None, entities: Entities) -> ColumnFacts:
    name, kind = str(values.name), plain_kind(values)
    if kind is not None and wish is None:
        return _plain_facts(values, name, kind)
    gaps = int(values.isna().sum())
    known, kind = len(values) - gaps, kind or _kind(values)
    plain = plain_kind(values) is not None
    column = ColumnFacts(name=name, kind=kind if known else core.EMPTY, known=known, gaps=gaps, plain=plain)
    if column.kind in (core.EMPTY, core.OTHER):
        return column
    if core.DATE in (wish, kind if wish is None else None):
        return replace(column, parts=_varying(values))
    if kind == core.NUMBER and wish in (None, core.NUMBER):
        return _with_infinite(column, values)
    codes, levels = pd.factorize(values)
    if kind == core.FLAG:
        return replace(column, levels=len(levels))
    of_entity = _of_entity(codes, len(levels), entities)
    column = replace(column, levels=len(levels), of_entity=of_entity, is_category=kind == core.CATEGORY)
    if kind != core.TEXT:
        return column
    texts = pd.Series(levels, dtype=object).map(str)
    if wish is None and _are_dates(texts):
        return replace(column, kind=core.DATE, parts=_varying(values))
    return _with_text(column, texts, codes, wish == core.NUMBER)


def _kind(values: pd.Series) -> str:
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return core.CATEGORY
    if pd.api.types.is_bool_dtype(dtype):
        return core.FLAG
    if pd.api.types.is_any_real_numeric_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        return core.NUMBER
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return core.DATE
    found = _KINDS.get(pd.api.types.infer_dtype(values, skipna=True), core.OTHER)
    if (
        found == core.TEXT
        and pd.api.types.is_object_dtype(dtype)
        and not values.dropna().map(np.isscalar).all()
    ):
        return core.OTHER
    return found


def _plain_facts(values: pd.Series, name: str, kind: str) -> ColumnFacts:
    """Facts of NumPy's numbers, with few passes over the values: most tables have millions of these."""
    cells = values.to_numpy()
    gaps = infinite = 0
    if cells.dtype.kind == "f" and not np.isfinite(cells).all():
        gaps = int(np.isnan(cells).sum())
        infinite = int(np.isinf(cells).sum())
    known = len(cells) - gaps
    levels = 0
    if known:
        low, high = (np.nanmin(cells), np.nanmax(cells)) if gaps else (cells.min(), cells.max())
        levels = int(low == high)
    return ColumnFacts(
        name=name,
        kind=kind if known else core.EMPTY,
        known=known,
        gaps=gaps,
        levels=levels,
        infinite=infinite,
        counter=_counts(cells),
        plain=True,
    )


def _with_infinite(column: ColumnFacts, values: pd.Series) -> ColumnFacts:
    cells = as_numbers(values.to_frame(), keep_infinite=True).to_numpy()[:, 0]
    found = cells[~np.isnan(cells)]
    same = len(found) > 0 and found.min() == found.max()
    return replace(column, infinite=int(np.isinf(found).sum()), levels=int(same))


def _counts(cells: np.ndarray[Any, Any]) -> bool:
    """Whether whole numbers are each there once and fill at least half of their range."""
    if cells.dtype.kind not in "iu" or len(cells) < _MIN_COUNTER:
        return False
    span = int(cells.max()) - int(cells.min()) + 1
    if not len(cells) <= span <= len(cells) / _DENSE_COUNTER:
        return False
    return len(np.unique(cells)) == len(cells)


def _of_entity(codes: np.ndarray[Any, Any], levels: int, entities: Entities) -> bool:
    """Whether each level is of one entity, and each entity has one: the column is its name once more."""
    found = entities() if levels > _FEW_LEVELS else None
    if found is None:
        return False
    whose = pd.factorize(found)[0].astype("int64")[codes >= 0]
    pairs = len(np.unique(whose * (levels + 1) + codes[codes >= 0]))
    return bool(pairs <= _NEARLY * min(levels, len(np.unique(whose))))


def _are_dates(texts: pd.Series) -> bool:
    if not texts.head(50).str.fullmatch(_ISO_DATE).all() or not texts.str.fullmatch(_ISO_DATE).all():
        return False
    return bool(pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce").notna().all())


def _with_text(
    column: ColumnFacts, texts: pd.Series, codes: np.ndarray[Any, Any], are_numbers: bool
) -> ColumnFacts:
    """Add facts of the distinct ``texts``, whose places in the column are ``codes``."""
    sample = texts.iloc[spread(len(texts), _SAMPLE)]
    words = sample.str.slice(0, 10_000).str.count(r"\S+")
    numeric = 0.0
    read = pd.to_numeric(sample, errors="coerce").notna()
    if are_numbers or (read.mean() > 0.5 and not texts.str.fullmatch(_CODE).any()):
        good = pd.to_numeric(texts, errors="coerce").notna().to_numpy()
        numeric = float(good[codes[codes >= 0]].mean())
    length = float(sample.str.len().mean())
    return replace(column, words=float(words.mean()), length=length, numeric=numeric)


def _varying(values: pd.Series) -> tuple[str, ...]:
    """Return the parts of dates that have more than one value, gaps aside."""
    parts = date_parts(values.to_frame(), {str(values.name): PARTS})
    return tuple(part for part, name in zip(PARTS, parts.columns, strict=True) if parts[name].nunique() > 1)
