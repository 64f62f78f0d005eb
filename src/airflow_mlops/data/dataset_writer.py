"""A dataset that is written batch by batch, and named by the digest of all its rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from airflow_mlops.core.errors import BackendError
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.digests import ContentDigest, types_of
from airflow_mlops.storage.atomic import Unnamed, unnamed
from airflow_mlops.storage.locations import Location, Storage

GROUP_BYTES = 16 << 20
"""Size of a row group, in memory: what a reader of one column of it needs is a part of this."""
_MOST_ROWS = 1 << 17


class DatasetWriter:
    """Takes the rows of a dataset; all batches have the columns and types of the first one.

    :param types: the types in Parquet of columns of Python objects.
    """

    def __init__(self, new: Unnamed, folder: Location, types: Mapping[str, pa.DataType]) -> None:
        self._new, self._folder, self._types = new, folder, types
        self._writer: parquet.ParquetWriter | None = None
        self._columns: dict[str, str] = {}
        self._digest = ContentDigest({})
        self._schema = pa.schema([])
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, frame: pd.DataFrame) -> None:
        """Write the next rows."""
        if self._writer is None:
            self._begin(frame)
        assert self._writer is not None
        table = as_table(frame, self._schema)
        self._digest.add(frame)
        self._rows += len(frame)
        self._waiting.append(table)
        waiting = sum(part.num_rows for part in self._waiting)
        if waiting >= _MOST_ROWS or sum(part.nbytes for part in self._waiting) >= GROUP_BYTES:
            self._write()

    def _begin(self, frame: pd.DataFrame) -> None:
        inferred = as_table(frame.iloc[:0], None).schema
        objects = {
            str(name)
            for name, dtype in frame.dtypes.items()
            if isinstance(dtype, np.dtype) and dtype.kind == "O"
        }
        fields = [
            pa.field(item.name, self._types.get(item.name, item.type)) if item.name in objects else item
            for item in inferred
        ]
        self._schema = pa.schema(fields)
        first = as_table(frame, self._schema)
        self._writer = parquet.ParquetWriter(self._new.file, first.schema, **layout(first.schema))
        self._columns = types_of(frame)
        self._digest = ContentDigest(self._columns)

    def _write(self) -> None:
        if self._writer is not None and self._waiting:
            table = pa.concat_tables(self._waiting)
            self._waiting = []
            self._writer.write_table(table, row_group_size=group_rows(table.nbytes, table.num_rows))

    def close(self) -> None:
        """End writing; what was not finished is not a dataset, so that it need not work."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()

    def finish(self, *, start: datetime | None = None, end: datetime | None = None) -> DatasetRef:
        """Name the file, of which at least one row was written; ``start`` and ``end`` are its interval."""
        self._write()
        assert self._writer is not None
        self._writer.close()
        digest = self._digest.hexdigest()
        name = f"{digest}.parquet"
        self._new.path = f"{self._folder.path.rstrip('/')}/{name}"
        return DatasetRef(
            uri=f"{self._folder.uri.rstrip('/')}/{name}",
            digest=digest,
            rows=self._rows,
            columns=self._columns,
            start=start.isoformat() if start else None,
            end=end.isoformat() if end else None,
        )


def as_table(frame: pd.DataFrame, schema: pa.Schema | None) -> pa.Table:
    """Return rows as they are stored, in the types of ``schema`` where there is one."""
    with warnings.catch_warnings():  # pyarrow asks for the values of times with a zone as pandas 3.0 had them
        warnings.simplefilter("ignore", DeprecationWarning)
        return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)


def layout(schema: pa.Schema) -> dict[str, Any]:
    """Return how a file of these columns is written, as arguments of pyarrow's writer.

    Quick zstd makes smaller files than pyarrow's default, for less work to write and to read them. Floats
    have no dictionary: it is made in vain where most of them differ.
    """
    named = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return {"compression": "zstd", "compression_level": 1, "use_dictionary": named}


def group_rows(size: int, rows: int) -> int:
    """Return the rows of a row group for rows of this size in bytes."""
    return int(min(_MOST_ROWS, max(1, rows * GROUP_BYTES // max(1, size))))


@contextmanager
def dataset_writer(
    folder: str, storage: Storage, types: Mapping[str, pa.DataType]
) -> Iterator[DatasetWriter]:
    """Yield the writer of a dataset in a folder or URI; the file appears when it is finished.

    Raises BackendError when storage refuses.
    """
    place = storage.locate(folder.rstrip("/"))
    try:
        with unnamed(place.fs, place.path) as new:
            writer = DatasetWriter(new, place, types)
            try:
                yield writer
            finally:
                writer.close()
    except OSError as error:
        raise BackendError(
            f"cannot write {place.uri}: {error}; check the folder's rights and space"
        ) from error
