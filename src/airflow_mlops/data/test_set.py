"""A test set of its own beside the training rows: of the same columns and types, and with no row in both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records.data import OWN_TEST_SET
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.core.stable_hash import Hashes, of_row
from airflow_mlops.data.event_times import times_of

if TYPE_CHECKING:
    from airflow_mlops.config.models import Evaluate
    from airflow_mlops.core.records import FeatureSet

_FEW_ROWS: Final = 100
_FEW_CLASSES: Final = 20
_NAMED: Final = 8
_NO_TYPE: Final = "empty"


@dataclass(frozen=True, eq=False)
class Side:
    """Rows and their event times in UTC, None when they have none.

    ``taken`` are their places in the file that they come from, as a mask; None where they are not in one.
    """

    frame: pd.DataFrame
    times: pd.Series | None = None
    taken: NDArray[np.bool_] | None = None


def set_apart(
    train: pd.DataFrame, test: pd.DataFrame, data: Data, *, samples: bool = True
) -> tuple[Side, Side, tuple[str, ...]]:
    """Return the training rows, the test set, and what a reader should know about the two.

    Rows that are in both are left out of the training rows: those with the same keys, or equal in every
    column when there are no keys or one of them is missing. Without ``samples`` no cell is quoted. Raises
    ConfigError for a test set of other columns or types, DataRejected when no training row is left or a class
    of the test set is in none.
    """
    whole = Side(train, times_of(train, data, samples=samples))
    own, notes = _alike(Side(test, times_of(test, data, "the test set", samples=samples)), whole, data)
    marks = _marks(whole, own, data)
    copies = np.isin(*marks)
    if copies.all():
        raise DataRejected(
            f"all {len(train):,} training rows are in the test set as well: name another source below "
            "evaluate.holdout"
        )
    if copies.any():
        alike = f"the same {', '.join(data.keys)}" if data.keys else "equal in every column"
        notes.append(
            f"{_rows(int(copies.sum()))} in the test set as well ({alike}): left out of the training rows"
        )
    times = None if whole.times is None else whole.times[~copies].reset_index(drop=True)
    rest = Side(train[~copies].reset_index(drop=True), times)
    notes += _of_classes(rest.frame[data.target], own.frame[data.target], samples=samples)
    notes += _of_time(rest, own)
    again = len(own.frame) - len(np.unique(marks[1]))
    if again and own.times is not None:  # without times, many rows of one entity are usual
        notes.append(
            f"{again:,} of {len(own.frame):,} rows of the test set have the same {', '.join(data.keys)} as "
            "another one: each of them counts"
        )
    if len(own.frame) < _FEW_ROWS:
        notes.append(f"only {len(own.frame):,} rows in the test set: its figures are rough")
    return rest, own, tuple(notes)


def check_used(evaluate: Evaluate, features: FeatureSet) -> None:
    """Raise ConfigError when a pipeline names a test set and its features hold out other rows."""
    if evaluate.test_set is not None and features.split_by != OWN_TEST_SET:
        raise ConfigError(
            "evaluate.holdout.source names a test set, but features did not get its record: write "
            "FeaturesOperator(holdout=holdout.output), with the output of a task of the stage holdout"
        )


def _alike(test: Side, train: Side, data: Data) -> tuple[Side, list[str]]:
    """Return the test set with the columns of the training rows, in their order and types."""
    names = list(map(str, train.frame.columns))
    for name in names:
        if name not in test.frame.columns:
            hint = did_you_mean(name, map(str, test.frame.columns))
            raise ConfigError(
                f"the test set has no column {name!r}{hint}, which the training rows have: add it, or leave "
                "it out of both with data.columns"
            )
    more = [str(name) for name in test.frame.columns if name not in names]
    found = {name: _typed(name, test, train, data) for name in names}
    notes = (
        [f"columns of the test set that the training rows lack, left out: {_listed(more)}"] if more else []
    )
    return Side(pd.DataFrame(found), test.times), notes


def _typed(name: str, test: Side, train: Side, data: Data) -> pd.Series:
    """Return a column of the test set in a type of the training rows; raises ConfigError when it has none."""
    mine, theirs = test.frame[name], train.frame[name]
    dtype = theirs.dtype
    if mine.dtype == dtype and not pd.api.types.is_object_dtype(dtype):
        return mine
    ours, others = _kind(mine), _kind(theirs)
    if name == data.time_column and test.times is not None:
        local = _as_times(test.times, dtype, others, data)
        if local is not None:
            return local
    if ours != others and _NO_TYPE not in (ours, others):
        raise ConfigError(
            f"the test set has {name!r} as {_type(mine, ours)}, the training rows as "
            f"{_type(theirs, others)}: give it one type, in the query or with load_args of the source"
        )
    if ours == _NO_TYPE and others == "number":
        return mine.astype("float64")  # no whole number can be missing
    has_gap = not isinstance(dtype, pd.CategoricalDtype) and (  # of categories, values would be lost
        pd.api.types.is_float_dtype(dtype)
        or pd.api.types.is_datetime64_any_dtype(dtype)
        or pd.api.types.is_string_dtype(dtype)
    )
    return _cast(mine, dtype) if has_gap and others != _NO_TYPE else mine


def _as_times(times: pd.Series, dtype: Any, kind: str, data: Data) -> pd.Series | None:
    """Return event times as the training rows have theirs, or None where that is text or a number."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _cast(times, dtype)
    zone = (data.time.timezone if data.time else None) or "UTC"
    local: pd.Series = times.dt.tz_convert(zone).dt.tz_localize(None)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return _cast(local, dtype)
    return local.dt.date if kind == "date" else None


def _cast(values: pd.Series, dtype: Any) -> pd.Series:
    """Return values in another type of their kind; times that do not fit keep their unit."""
    try:
        return values.astype(dtype)
    except pd.errors.OutOfBoundsDatetime:
        return values


def _type(values: pd.Series, kind: str) -> str:
    """Return a column's type as messages call it; ``object`` and ``category`` say nothing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return f"category of {kind}"
    return kind if pd.api.types.is_object_dtype(values.dtype) else str(values.dtype)


def _kind(values: pd.Series) -> str:
    """Return what a column holds; types of one kind can stand for each other."""
    types = pd.api.types
    if values.isna().all():
        return _NO_TYPE
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _kind(values.cat.categories.to_series())
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return "time"
    if types.is_datetime64_any_dtype(values.dtype):
        return "time without a zone"
    if types.is_bool_dtype(values.dtype):
        return "boolean"
    if types.is_numeric_dtype(values.dtype):
        return "number"
    if types.is_object_dtype(values.dtype):
        return str(types.infer_dtype(values, skipna=True))
    return "text"


def _marks(one: Side, other: Side, data: Data) -> tuple[Hashes, Hashes]:
    """Return a hash for each row of both that rows with the same keys share, or else equal rows."""
    every = list(map(str, one.frame.columns))
    if not data.keys:
        return _hashes(one, other, every, data)
    found = _hashes(one, other, list(data.keys), data)
    gaps = [
        side.frame[list(data.keys)].isna().any(axis="columns").to_numpy(dtype=bool) for side in (one, other)
    ]
    if not all(gap.any() for gap in gaps):
        return found
    equal = _hashes(one, other, every, data)  # a key that is missing names no row
    first, second = (np.where(*parts) for parts in zip(gaps, equal, found, strict=True))
    return first, second


def _hashes(one: Side, other: Side, names: Sequence[str], data: Data) -> tuple[Hashes, Hashes]:
    """Return the hash of each row of both; only rows with equal values in the named columns share one.

    ``membership.row_hashes`` does not serve here: to it 007 and 7 are one value, which are two keys.
    """
    hashes: tuple[dict[str, Hashes], dict[str, Hashes]] = ({}, {})
    for name in names:
        pair = [side.frame[name] for side in (one, other)]
        if one.times is not None and other.times is not None and name == data.time_column:
            pair = [one.times, other.times]
        for side, values in zip(hashes, _comparable(*map(_decoded, pair)), strict=True):
            side[name] = np.asarray(pd.util.hash_pandas_object(values, index=False), dtype=np.uint64)
    return of_row(hashes[0]), of_row(hashes[1])


def _decoded(values: pd.Series) -> pd.Series:
    """Return a column of categories as their values."""
    is_coded = isinstance(values.dtype, pd.CategoricalDtype)
    return values.astype(object).infer_objects() if is_coded else values


def _comparable(one: pd.Series, other: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return two columns in one type, so that equal values have equal hashes."""
    types = pd.api.types
    if one.dtype == other.dtype and not types.is_object_dtype(one.dtype):
        return one, other
    if types.is_numeric_dtype(one.dtype) and types.is_numeric_dtype(other.dtype):
        whole = types.is_integer_dtype(one) and types.is_integer_dtype(other)
        dtype = np.dtype("int64" if whole else "float64")
        return one.astype(dtype), other.astype(dtype)
    first, second = (values.astype(object).where(values.notna(), None).map(repr) for values in (one, other))
    return first, second


def _of_classes(train: pd.Series, test: pd.Series, *, samples: bool) -> Iterable[str]:
    """Yield the classes without a row in the test set; raises DataRejected for those that are only there.

    Numbers may be figures: few whole ones are taken for classes, and new ones are left to the model.
    """
    known, seen = set(train.unique()), set(test.unique())
    are_numbers = pd.api.types.is_numeric_dtype(train.dtype)
    if are_numbers and (len(known) > _FEW_CLASSES or not all(float(value).is_integer() for value in known)):
        return
    new = sorted((value for value in seen if value not in known), key=str)
    if new and not are_numbers:
        rows = int(test.isin(new).sum())
        shown = f": {_listed(new)}" if samples else ""
        raise DataRejected(
            f"{rows:,} of {len(test):,} rows of the test set have a class that no training row "
            f"has{shown}; add such rows to the training rows, or leave them out of the test set"
        )
    missing = sorted((value for value in known if value not in seen), key=str)
    if missing:
        shown = f"the class {_listed(missing)}" if samples else f"{len(missing):,} of {len(known):,} classes"
        yield f"no row of the test set is of {shown}: no figure says anything about it"


def _of_time(train: Side, test: Side) -> Iterable[str]:
    """Yield that training rows are newer than the test set, as rows to be answered will not be."""
    if train.times is None or test.times is None:
        return
    newer = int((train.times >= test.times.min()).sum())
    if newer:
        yield (
            f"{newer:,} training rows are not older than the first row of the test set: its figures may be "
            "better than those of rows to come"
        )


def _rows(count: int) -> str:
    return f"{count:,} {'row is' if count == 1 else 'rows are'}"


def _listed(values: Sequence[Any]) -> str:
    shown = ", ".join(str(value)[:60] for value in values[:_NAMED])
    return shown if len(values) <= _NAMED else f"{shown} and {len(values) - _NAMED:,} more"
