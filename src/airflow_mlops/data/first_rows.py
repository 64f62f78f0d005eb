"""The first rows of a stored dataset, without reading the others."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_mlops.core.errors import BackendError
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage


def read_first(ref: DatasetRef, rows: int, storage: Storage = PLAIN_STORAGE) -> pd.DataFrame:
    """Return at most ``rows`` rows of a dataset.

    Raises BackendError when the file is gone or storage does not answer.
    """
    place = storage.locate(ref.uri)
    try:
        with place.fs.open(place.path, "rb") as file:
            parquet = pq.ParquetFile(file)
            batch = next(parquet.iter_batches(batch_size=rows), None)
            schema = parquet.schema_arrow
            table = schema.empty_table() if batch is None else pa.Table.from_batches([batch], schema)
            frame: pd.DataFrame = table.to_pandas()
    except (OSError, pa.ArrowInvalid) as error:
        raise BackendError(f"cannot read {ref.uri}: {error}; run the task that wrote it again") from error
    return frame
