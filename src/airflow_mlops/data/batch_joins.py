"""Joins of rows that come in batches: the rows of the further source are in memory, the others are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from airflow_mlops.config.models import Data, Join
from airflow_mlops.data.joined_sources import further_sides
from airflow_mlops.data.joins import Side, chosen_side, positions, taken, tell_missing
from airflow_mlops.data.sources.base import ReadRequest

_NONE: Final = np.array([-1])


class BatchJoin:
    """One join: finds the further row of each row batch by batch, and adds the columns afterwards."""

    def __init__(self, left: Side, right: Side, join: Join, *, samples: bool) -> None:
        self._samples = samples
        self._join = join
        self._left = left
        self._right, self._added = chosen_side(left, right, join)
        self._rows = self._missing = 0
        self._asked = False

    @property
    def columns(self) -> pd.DataFrame:
        """The columns that are added, without rows."""
        return self._added[:0]

    def positions(self, left: Side) -> NDArray[np.int64]:
        """Return the further row of each row of a batch, -1 for none."""
        known = left.frame[list(self._join.by)].notna().all(axis="columns").to_numpy(dtype=bool)
        found = np.full(len(known), -1, dtype=np.int64)
        if known.any():
            times = None if left.times is None else left.times[known].reset_index(drop=True)
            some = Side(left.frame[known].reset_index(drop=True), times, left.where)
            found[known] = positions(some, self._right, self._join, samples=self._samples)
            self._asked = True
        if not self._rows:
            self._left = left
        self._rows += len(found)
        self._missing += int((found < 0).sum())
        return found

    def report(self, request: ReadRequest) -> None:
        """Report the rows of all batches without a match; raises DataRejected where all are."""
        if not self._asked:  # no row has a key; what is wrong with the further rows is told all the same
            positions(self._left, self._right, self._join, samples=self._samples)
        tell_missing(
            self._left,
            self._right,
            self._join,
            request.report,
            missing=self._missing,
            rows=self._rows,
            need=True,
        )

    def taken(self, at: NDArray[np.int64], *, final: bool) -> pd.DataFrame:
        """Return the added columns of a batch; once ``final``, with the types of all rows."""
        index = pd.RangeIndex(len(at))
        found = taken(self._added, at, index)
        if final and self._missing:
            wanted = taken(self._added, _NONE, pd.RangeIndex(1)).dtypes
            found = found.astype({name: kind for name, kind in wanted.items() if found[name].dtype != kind})
        return found

    def types(self) -> Mapping[str, pa.DataType]:
        """Return the types in Parquet of the added columns of Python objects."""
        kinds = self._added.dtypes.items()
        return {
            str(name): pa.array(self._added[name], from_pandas=True).type
            for name, kind in kinds
            if isinstance(kind, np.dtype) and kind.kind in "Ob"
        }


def batch_joins(
    columns: pd.DataFrame, times: Any, data: Data, request: ReadRequest, where: str
) -> list[BatchJoin]:
    """Return the joins of ``data.join``, whose further rows are read.

    :param columns: the columns of the rows, without a row.
    :param times: their event times, without one either, or None when they have none.

    Raises what ``join_sources`` raises.
    """
    joins = []
    for join, right in further_sides(data, request):
        left = Side(columns, times if join.time else None, where, request.unread)
        found = BatchJoin(left, right, join, samples=request.report.samples)
        columns = pd.concat([columns, found.columns], axis="columns")
        joins.append(found)
    return joins
