"""Rows in batches: what a source gives instead of one frame where the rows may be more than memory holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types as pat

from airflow_mlops.data.sources.frames import MASKED_TYPES, is_large

BATCH_BYTES = 16 << 20
"""Size of a batch, as text or in Parquet's memory."""
WHOLE_BYTES = 32 << 20
"""Up to this size the rows of a source are read at once."""


@dataclass(frozen=True)
class Batches:
    """The rows of a source, one batch after another, all with the columns of ``schema``.

    ``nullable`` are the columns whose gaps are kept beside whole numbers and booleans, ``masked`` those that
    have a type for gaps whether there is one or not.
    """

    schema: pa.Schema
    tables: Iterator[pa.Table]
    nullable: frozenset[str] = frozenset()
    masked: frozenset[str] = frozenset()


@dataclass
class Shape:
    """The types that the columns of all batches have as one frame: what is known after the last one."""

    nullable: frozenset[str] = frozenset()
    masked: frozenset[str] = frozenset()
    rows: int = 0
    gaps: set[str] = field(default_factory=set)
    large: set[str] = field(default_factory=set)

    def add(self, table: pa.Table) -> None:
        """Count the next batch."""
        self.rows += table.num_rows
        for name, values in zip(table.column_names, table.columns, strict=True):
            if values.type in MASKED_TYPES:
                if values.null_count:
                    self.gaps.add(name)
                if name not in self.large and is_large(values):
                    self.large.add(name)

    def frame(self, table: pa.Table) -> pd.DataFrame:
        """Return a batch as the frame of all rows would have it."""
        masked = [name for name in table.column_names if self._is_masked(name)]
        frame: pd.DataFrame = table.drop_columns(masked).to_pandas(ignore_metadata=True)
        changed: dict[str, pd.Series | pd.api.extensions.ExtensionArray] = {}
        for name in masked:
            kind = MASKED_TYPES[table.field(name).type]
            changed[name] = kind.__from_arrow__(table.column(name))  # type: ignore[attr-defined]
        for name in frame.columns.intersection(list(self.gaps)):
            wanted = np.dtype(object if pat.is_boolean(table.field(name).type) else np.float64)
            if frame[name].dtype != wanted:
                changed[str(name)] = frame[name].astype(wanted)
        if not changed:
            return frame
        return frame.reindex(range(table.num_rows)).assign(**changed)[list(table.column_names)]

    def _is_masked(self, name: str) -> bool:
        return name in self.masked or (name in self.gaps and (name in self.nullable or name in self.large))
