"""Stored rows: immutable Parquet datasets, named by their content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_mlops.core.errors import BackendError, DataRejected
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.dataset_writer import as_table, group_rows, layout
from airflow_mlops.data.digests import content_digest, types_of
from airflow_mlops.data.parts import tables_of
from airflow_mlops.storage.atomic import replacing
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage


def write_dataset(
    frame: pd.DataFrame,
    folder: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    storage: Storage = PLAIN_STORAGE,
) -> DatasetRef:
    """Write ``frame`` as ``<folder>/<digest>.parquet`` unless it is already there.

    ``folder`` is a local path or a URI. The file appears under its name only when it is complete.
    Raises BackendError when storage refuses, DataRejected for a column that Parquet cannot hold.
    """
    digest = content_digest(frame)
    place = storage.locate(f"{folder.rstrip('/')}/{digest}.parquet")
    try:
        if not place.fs.exists(place.path):
            with replacing(place.fs, place.path) as file:
                rows = group_rows(int(frame.memory_usage().sum()), len(frame))
                table = as_table(frame, None)
                pq.write_table(table, file, row_group_size=rows, **layout(table.schema))
    except pa.ArrowNotImplementedError as error:
        raise DataRejected(f"the rows cannot be stored: {error}; drop it with data.columns") from error
    except OSError as error:
        raise BackendError(
            f"cannot write {place.uri}: {error}; check the folder's rights and space"
        ) from error
    return DatasetRef(
        uri=place.uri,
        digest=digest,
        rows=len(frame),
        columns=types_of(frame),
        start=start.isoformat() if start else None,
        end=end.isoformat() if end else None,
    )


def read_dataset(
    ref: DatasetRef,
    columns: Sequence[str] | None = None,
    storage: Storage = PLAIN_STORAGE,
) -> pd.DataFrame:
    """Read a dataset back; raises BackendError when the file is gone or storage does not answer."""
    place = storage.locate(ref.uri)
    with _reading(ref):
        if ref.of:
            tables = [*tables_of(ref, columns or tuple(ref.columns), storage)]
            frame: pd.DataFrame = pa.concat_tables(tables).unify_dictionaries().to_pandas()
            return frame
        wanted = list(columns) if columns else None
        return pd.read_parquet(place.path, filesystem=place.fs, columns=wanted)


def read_first(ref: DatasetRef, rows: int, storage: Storage = PLAIN_STORAGE) -> pd.DataFrame:
    """Return at most ``rows`` rows of a dataset, without reading the others; raises as ``read_dataset``."""
    if ref.of:
        with _reading(ref):
            return _first_of_part(ref, rows, storage)
    place = storage.locate(ref.uri)
    with _reading(ref), place.fs.open(place.path, "rb") as file:
        parquet = pq.ParquetFile(file)
        batch = next(parquet.iter_batches(batch_size=rows), None)
        schema = parquet.schema_arrow
        table = schema.empty_table() if batch is None else pa.Table.from_batches([batch], schema)
        frame: pd.DataFrame = table.to_pandas()
    return frame


def _first_of_part(ref: DatasetRef, rows: int, storage: Storage) -> pd.DataFrame:
    found: list[pa.Table] = []
    with closing(tables_of(ref, tuple(ref.columns), storage)) as tables:
        for table in tables:
            found.append(table)
            if sum(one.num_rows for one in found) >= rows:
                break
    frame: pd.DataFrame = pa.concat_tables(found).slice(0, rows).unify_dictionaries().to_pandas()
    return frame


@contextmanager
def _reading(ref: DatasetRef) -> Iterator[None]:
    """Raise BackendError with the next step for a file that cannot be read."""
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        raise BackendError(f"cannot read {ref.uri}: {error}; run the task that wrote it again") from error
