"""Parquet files in batches: row group by row group, a buffer at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as pads

from airflow_mlops.data.sources import batches
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.batches import Batches
from airflow_mlops.data.sources.listing import SourceFile
from airflow_mlops.data.sources.parquet_reading import ParquetPart, ParquetPlan, batches_of, plan_parquet

_BUFFER: Final = 1 << 20


def parquet_batches(files: Sequence[SourceFile], request: ReadRequest) -> Batches | None:
    """Return the rows of all files in batches, or None where they are few or cannot be parted.

    A column of categories has one list of them for all rows, and an index that pandas has stored as a range
    belongs to all rows of a file; they are read at once.
    """
    plan = plan_parquet(files, request)
    kinds = [plan.schema.field(name).type for name in plan.columns]
    if any(part.index for part in plan.parts) or not all(map(_is_plain, kinds)):
        return None
    sizes = [_size(part, plan.columns) for part in plan.parts]
    if sum(size for size, _ in sizes) <= batches.WHOLE_BYTES:
        return None
    tables = (
        table
        for part, (size, rows) in zip(plan.parts, sizes, strict=True)
        for table in batches_of(part, plan, request, _options(size, rows))
    )
    return Batches(_schema(plan), tables, nullable=plan.nullable)


def _is_plain(kind: pa.DataType) -> bool:
    """Whether the values of a type are the same whatever other rows there are."""
    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind):
        return not types.is_nested(kind.value_type) and _is_plain(kind.value_type)
    return not (types.is_nested(kind) or types.is_dictionary(kind))


def _schema(plan: ParquetPlan) -> pa.Schema:
    return pa.schema([plan.schema.field(name) for name in plan.columns])


def _size(part: ParquetPart, columns: Sequence[str]) -> tuple[int, int]:
    """Return the bytes of the columns that are read, unpacked, and the rows of a file."""
    metadata = part.fragment.metadata
    wanted = set(columns)
    size = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for position in range(group.num_columns):
            column = group.column(position)
            if _column_of(column.path_in_schema) & wanted:
                size += max(column.total_uncompressed_size, 4 * group.num_rows)
    return size, metadata.num_rows


def _column_of(path: str) -> set[str]:
    """Return the columns that a path in a footer may belong to: their names, too, may have points.

    >>> sorted(_column_of("shop.size.list.element"))
    ['shop', 'shop.size', 'shop.size.list', 'shop.size.list.element']
    """
    parts = path.split(".")
    return {".".join(parts[: number + 1]) for number in range(len(parts))}


def _options(size: int, rows: int) -> dict[str, Any]:
    return {
        "batch_size": int(max(1, rows * batches.BATCH_BYTES / max(1, size))),
        "batch_readahead": 1,
        "fragment_readahead": 1,
        "use_threads": False,
        "fragment_scan_options": pads.ParquetFragmentScanOptions(
            use_buffered_stream=True, buffer_size=_BUFFER, pre_buffer=False
        ),
    }
