"""A part of a stored dataset: columns of it, and the rows that a small file marks. No row is stored twice."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from airflow_mlops.core.errors import BackendError
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.storage.atomic import replacing
from airflow_mlops.storage.locations import Storage

_TAKEN: Final = "taken"
"""The only column of a file of marks: whoever reads it as rows finds none of theirs."""


def write_part(
    whole: DatasetRef,
    taken: NDArray[np.bool_],
    digest: str,
    columns: Mapping[str, str],
    storage: Storage,
) -> DatasetRef:
    """Write which rows of ``whole`` are ``taken``, shape (rows,), at least one; return these as a dataset.

    :param digest: that of the rows, as ``content_digest`` has it for a frame of them.
    :param columns: the columns that are taken, with their types.

    Raises BackendError when storage refuses.
    """
    marks = hashlib.sha256(whole.digest.encode() + np.packbits(taken).tobytes()).hexdigest()
    place = storage.locate(f"{whole.uri.rpartition('/')[0]}/{marks}.rows.parquet")
    try:
        if not place.fs.exists(place.path):
            with replacing(place.fs, place.path) as file:
                pq.write_table(pa.table({_TAKEN: pa.array(taken)}), file)
    except OSError as error:
        raise BackendError(
            f"cannot write {place.uri}: {error}; check the folder's rights and space"
        ) from error
    rows = int(np.count_nonzero(taken))
    return DatasetRef(uri=place.uri, digest=digest, rows=rows, columns=columns, of=whole.uri)


def tables_of(ref: DatasetRef, columns: Sequence[str], storage: Storage) -> Generator[pa.Table]:
    """Yield the rows of a part, of which there is at least one, a row group at a time.

    Raises OSError or ArrowInvalid when a file is gone or is not the one that was marked.
    """
    marks, whole = storage.locate(ref.uri), storage.locate(ref.of)
    with marks.fs.open(marks.path, "rb") as file:
        taken: Any = pq.read_table(file).column(_TAKEN).combine_chunks()
    with whole.fs.open(whole.path, "rb") as file:
        parquet = pq.ParquetFile(file)
        if parquet.metadata.num_rows != len(taken):
            raise pa.ArrowInvalid(f"{ref.of} has {parquet.metadata.num_rows:,} rows, not {len(taken):,}")
        names = list(columns)
        begin = 0
        for number in range(parquet.num_row_groups):
            size = parquet.metadata.row_group(number).num_rows
            some = taken.slice(begin, size)
            begin += size
            if some.true_count:
                yield parquet.read_row_group(number, columns=names).select(names).filter(some)
