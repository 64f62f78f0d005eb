"""The rows of a stored dataset, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from airflow_mlops.core.errors import BackendError
from airflow_mlops.storage.locations import Location

_BUFFER = 1 << 20


def stored_batches(place: Location, columns: Sequence[str] | None, rows: int) -> Iterator[pd.DataFrame]:
    """Yield the rows of a Parquet file in frames of at most ``rows`` rows, with the types of the whole.

    :param columns: the columns that are read, all for None.

    Raises BackendError when the file is gone or storage does not answer.
    """
    try:
        with (
            place.fs.open(place.path, "rb") as file,
            parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER) as stored,
        ):
            wanted = None if columns is None else list(columns)
            for batch in stored.iter_batches(rows, columns=wanted, use_threads=False):
                yield pa.Table.from_batches([batch]).to_pandas()
    except (OSError, pa.ArrowInvalid) as error:
        raise _unread(place, error) from error


def stored_schema(place: Location) -> pa.Schema:
    """Return the names and types of a Parquet file's columns; raises BackendError as ``stored_batches``."""
    try:
        with place.fs.open(place.path, "rb") as file:
            return parquet.read_schema(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise _unread(place, error) from error


def _unread(place: Location, error: Exception) -> BackendError:
    return BackendError(f"cannot read {place.uri}: {error}; run the task that wrote it again")
