"""One type for a CSV column that is read in batches: the type that pandas concludes from the whole file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from airflow_mlops.data.sources.frames import has_inexact

EMPTY, WHOLE, UNSIGNED, FLOAT, FLAG, TEXT = "empty", "whole", "unsigned", "float", "flag", "text"
BEYOND = "beyond"
"""Whole numbers alone, one of which is beyond 64 bits."""
_HUGE: Final = "huge"
"""Numbers of which one is beyond 64 bits; what they are depends on what comes first in the file."""

ARROW: Final = {
    EMPTY: pa.float64(), WHOLE: pa.int64(), UNSIGNED: pa.uint64(), FLOAT: pa.float64(), FLAG: pa.bool_(),
    TEXT: pa.large_string(),
}  # fmt: skip
DTYPES: Final[dict[str, Any]] = {
    EMPTY: "float64", WHOLE: "int64", UNSIGNED: "uint64", FLOAT: "float64", TEXT: str,
}  # fmt: skip
"""What ``pandas.read_csv`` is told; it concludes flags by itself in each batch, gaps or not."""

_INTEGER: Final = re.compile(r"\s*[+-]?\d+\s*")
_FEW: Final = 50

Texts = Callable[[], Iterable[pd.Series]]


@dataclass
class ColumnSums:
    """What the batches of one column say, each of which pandas has given a type of its own."""

    kinds: set[str] = field(default_factory=set)
    gaps: bool = False
    may_lose_digits: bool = False
    """Whether, as floats, some may be whole numbers that are too large to be exact."""
    too_large: int | None = None

    def add(self, values: pd.Series) -> str:
        """Count the next batch; returns its kind."""
        if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iubf":
            kind, floats = self._of_numbers(values.to_numpy())
        else:
            kind = self._kind(values)
            self.gaps = self.gaps or bool(values.isna().any())
            floats = values.dropna().astype("float64").to_numpy() if kind == _HUGE else None
        self.kinds.add(kind)
        if floats is not None and not self.may_lose_digits:
            self.may_lose_digits = has_inexact(floats)
        return kind

    def _of_numbers(self, values: np.ndarray[Any, Any]) -> tuple[str, np.ndarray[Any, Any] | None]:
        """Return the kind of a batch of numbers or flags, and the numbers as floats."""
        letter = values.dtype.kind
        if not len(values):
            return EMPTY, None
        if letter == "b":
            return FLAG, None
        if letter != "f":
            return (WHOLE if letter == "i" else UNSIGNED), values.astype(np.float64)
        gaps = int(np.isnan(values).sum())
        self.gaps = self.gaps or gaps > 0
        return (FLOAT, values.astype(np.float64, copy=False)) if gaps < len(values) else (EMPTY, None)

    def _kind(self, values: pd.Series) -> str:
        known = values.dropna()
        if known.empty:
            return EMPTY
        if isinstance(values.dtype, pd.StringDtype):
            return TEXT if TEXT in self.kinds or not _all_numbers(known) else _HUGE
        if values.dtype == object:
            return FLAG if pd.api.types.infer_dtype(known) == "boolean" else _HUGE
        return {"b": FLAG, "i": WHOLE, "u": UNSIGNED}.get(values.dtype.kind, FLOAT)  # types with gaps

    def kind(self, texts: Texts, are_floats: Callable[[], bool]) -> str:
        """Return the kind of the whole column.

        :param texts: returns the cells as they are written, batch by batch.
        :param are_floats: whether every cell can be read as a float.

        A column of kind ``BEYOND`` has ``too_large``, a whole number that no type holds.
        """
        known = self.kinds - {EMPTY}
        if not known:
            return EMPTY
        if TEXT in known or (FLAG in known and len(known) > 1):
            return TEXT
        if _HUGE in known or (UNSIGNED in known and (len(known) > 1 or self.gaps)):
            kind, self.too_large = _by_order(texts, are_floats)
            return kind
        if known == {WHOLE}:
            return FLOAT if self.gaps else WHOLE
        return known.pop() if len(known) == 1 else FLOAT


def _all_numbers(texts: pd.Series) -> bool:
    return all(bool(pd.to_numeric(part, errors="coerce").notna().all()) for part in (texts.head(_FEW), texts))


def _by_order(texts: Texts, are_floats: Callable[[], bool]) -> tuple[str, int | None]:
    """Return the kind of numbers, some beyond 63 bits, as pandas concludes it: by what comes first."""
    first = ""  # what comes first: a number above 64 bits, or one that is not whole
    too_large: int | None = None
    fraction = signed = unsigned = gaps = False
    for cell in (cell for part in texts() for cell in part):
        if not isinstance(cell, str):
            gaps = True
            continue
        if not _INTEGER.fullmatch(cell):
            fraction, first = True, first or FLOAT
            continue
        number = int(cell)
        first = first or (_HUGE if number >= 2**64 else "")
        if not -(2**63) <= number < 2**64:
            too_large = number if too_large is None else too_large
        signed, unsigned = signed or number < 0, unsigned or number >= 2**63
    if fraction:
        return (FLOAT if first == FLOAT and are_floats() else TEXT), None
    if too_large is not None and (first or not unsigned):
        return BEYOND, too_large
    if unsigned:
        return (TEXT if signed or gaps else UNSIGNED), None
    return (FLOAT if gaps else WHOLE), None
