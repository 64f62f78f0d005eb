"""Reading Parquet files as one table: columns that differ are unified or refused, never dropped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from fsspec.implementations.local import LocalFileSystem
from pyarrow.fs import FSSpecHandler, PyFileSystem
from pyarrow.fs import LocalFileSystem as ArrowLocalFileSystem

from airflow_mlops.core.errors import DataRejected
from airflow_mlops.core.utc import in_utc
from airflow_mlops.data.core.file_names import all_whole
from airflow_mlops.data.sources.arrow_types import FileSchema, unify
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.copies import note_copies
from airflow_mlops.data.sources.file_faults import check_needed, reading, version_of
from airflow_mlops.data.sources.frames import index_ranges, nullable_columns, to_frame
from airflow_mlops.data.sources.listing import SourceFile, note_other_values
from airflow_mlops.data.sources.parquet_arguments import checked_arguments, wanted_columns, wanted_rows
from airflow_mlops.data.sources.quoting import error_text
from airflow_mlops.data.sources.report import OUTSIDE, ReadReport

_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_INDEX: Final = re.compile(r"__index_level_\d+__")
_HINT: Final = "write the files with one type, or read them by a function (type: callable)"


@dataclass(frozen=True)
class ParquetPart:
    """One file: its columns as they are written, and how its rows are read.

    ``version`` is that of the file whose footer was read: its rows are those of the same one.
    """

    file: SourceFile
    fragment: Any
    schema: pa.Schema
    index: Mapping[str, range]
    version: tuple[object, ...] | None = None
    samples: bool = True

    def reading(self) -> AbstractContextManager[None]:
        """Return the context in which rows are read: its errors are those of this package."""
        return reading(self.file, "parquet", before=self.version, samples=self.samples)

    def values(self, name: str) -> pa.ChunkedArray:
        """Return the values of one column."""
        with self.reading():
            return self.fragment.to_table(columns=[name]).column(name)

    def is_empty(self, name: str) -> bool:
        """Whether a column has no value in any row."""
        values = self.values(name)
        return bool(values.null_count == len(values))


def read_parquet_files(files: Sequence[SourceFile], request: ReadRequest) -> pd.DataFrame:
    """Return the rows of all files; the window is applied while reading where the type of the time allows it.

    Raises ConfigError for a wrong argument, DataRejected for a file that cannot be read and for columns that
    cannot be unified without a loss, BackendError when storage does not answer.
    """
    plan = plan_parquet(files, request)
    tables = [_rows(part, plan, request) for part in plan.parts]
    return to_frame(pa.concat_tables(tables).unify_dictionaries(), plan.nullable)


@dataclass(frozen=True)
class ParquetPlan:
    """What is read: the files, the types and the names of the columns, those with gaps of their own type."""

    parts: Sequence[ParquetPart]
    schema: pa.Schema
    columns: list[str]
    nullable: frozenset[str]
    arguments: Mapping[str, Any]


def plan_parquet(files: Sequence[SourceFile], request: ReadRequest) -> ParquetPlan:
    """Return what is to be read of the files, by their footers; raises what ``read_parquet_files`` does."""
    arguments = checked_arguments(request.source.load_args)
    folders = _folder_types(files)
    parts = [_part(file, folders, arguments, request.report) for file in files]
    for part in parts:
        for name in set(part.file.partitions) & set(part.fragment.physical_schema.names):
            values = part.values(name).unique().to_pylist()
            note_other_values(part.file, name, part.file.partitions[name], values, request.report)
    for part in parts:
        check_needed(part.file, part.schema.names, request)
    if len(parts) > 1:
        note_copies([part.file for part in parts if part.fragment.count_rows()], request.report)
    schema = unify(
        [FileSchema(part.file.name, part.schema, part.is_empty) for part in parts],
        _HINT,
        request.report.note,
    )
    nullable = (
        frozenset(schema.names)
        if arguments.get("dtype_backend") is not None
        else frozenset(name for part in parts for name in nullable_columns(part.fragment.physical_schema))
    )
    return ParquetPlan(parts, schema, request.used(wanted_columns(arguments, schema)), nullable, arguments)


def _part(
    file: SourceFile, folders: Mapping[str, pa.DataType], arguments: Mapping[str, Any], report: ReadReport
) -> ParquetPart:
    unit = arguments.get("coerce_int96_timestamp_unit")
    form = pads.ParquetFileFormat(**({"coerce_int96_timestamp_unit": unit} if unit else {}))
    version = version_of(file)
    with reading(file, "parquet", before=version, samples=report.samples):
        schema = form.inspect(file.path, filesystem=_arrow_fs(file.fs))
        own = {name: value for name, value in file.partitions.items() if name not in schema.names}
        fragment = form.make_fragment(file.path, _arrow_fs(file.fs), _partition(own, folders))
        fragment.ensure_complete_metadata()
    index = index_ranges(schema)
    names = [name for name in schema.names if not _INDEX.fullmatch(name)]
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise DataRejected(f"{file.name}: two columns are named {twice!r}: give each its own name")
    fields = [pa.field(name, schema.field(name).type) for name in names]
    fields += [pa.field(name, folders[name]) for name in file.partitions if name not in names]
    fields += [pa.field(name, pa.int64()) for name in index]
    return ParquetPart(file, fragment, pa.schema(fields), index, version, report.samples)


def _arrow_fs(fs: Any) -> Any:
    return ArrowLocalFileSystem() if type(fs) is LocalFileSystem else PyFileSystem(FSSpecHandler(fs))


def _folder_types(files: Sequence[SourceFile]) -> dict[str, pa.DataType]:
    """Return the types of the columns that the names of folders hold."""
    values: dict[str, list[str | None]] = {}
    for file in files:
        for name, value in file.partitions.items():
            values.setdefault(name, []).append(value)
    return {name: _folder_type(found) for name, found in values.items()}


def _folder_type(values: Sequence[str | None]) -> pa.DataType:
    if not all_whole(values) or not any(values):
        return pa.string()
    small = all(abs(int(value)) < 2**31 for value in values if value is not None)
    return pa.int32() if small else pa.int64()


def _partition(values: Mapping[str, str | None], folders: Mapping[str, pa.DataType]) -> Any:
    """Return what folders say about every row of a file, as an expression."""
    known = pads.scalar(True)
    for name, value in values.items():
        text = value is None or pa.types.is_string(folders[name])
        scalar = pa.scalar(value if text else int(str(value)), folders[name])
        is_value = pc.field(name).is_null() if value is None else pc.field(name) == scalar
        known = known & is_value
    return known


def _rows(part: ParquetPart, plan: ParquetPlan, request: ReadRequest) -> pa.Table:
    """Read one file as part of the whole table."""
    chosen = chosen_rows(part, plan, request)
    with part.reading(), _misfits_named(part, plan):
        if part.index:
            return _with_index(part, part.fragment.to_table(schema=plan.schema), chosen).select(plan.columns)
        return part.fragment.to_table(schema=plan.schema, columns=plan.columns, filter=chosen)


def batches_of(
    part: ParquetPart, plan: ParquetPlan, request: ReadRequest, options: Mapping[str, Any]
) -> Iterator[pa.Table]:
    """Read one file, which has no index, in batches; ``options`` are those of Arrow's scanner."""
    chosen = chosen_rows(part, plan, request)
    with part.reading(), _misfits_named(part, plan):
        scanner = part.fragment.scanner(schema=plan.schema, columns=plan.columns, filter=chosen, **options)
        for batch in scanner.to_batches():
            if batch.num_rows:
                yield pa.Table.from_batches([batch])


def chosen_rows(part: ParquetPart, plan: ParquetPlan, request: ReadRequest) -> Any:
    """Return the rows of a file that are read, as a filter or None; counts those outside of the window."""
    own = _window(part, request)
    asked = wanted_rows(plan.arguments, plan.schema)
    chosen = own if asked is None else asked if own is None else own & asked
    if own is not None:
        with part.reading(), _misfits_named(part, plan):
            outside = _count(part, plan.schema, asked) - _count(part, plan.schema, chosen)
        request.report.leave_out(OUTSIDE, outside)
    return chosen


@contextmanager
def _misfits_named(part: ParquetPart, plan: ParquetPlan) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid:
        _raise_misfit(part, plan.schema, plan.columns)
        raise


def _count(part: ParquetPart, schema: pa.Schema, chosen: Any) -> int:
    return int(part.fragment.scanner(schema=schema, filter=chosen).count_rows())


def _with_index(part: ParquetPart, table: pa.Table, chosen: Any) -> pa.Table:
    """Add the named index that pandas writes as a range beside the rows, before rows are chosen."""
    for name, values in part.index.items():
        at = table.column_names.index(name)
        field = table.schema.field(name)
        table = table.set_column(at, field, pa.array(values, type=pa.int64()).cast(field.type))
    return table if chosen is None else table.filter(chosen)


def _raise_misfit(part: ParquetPart, schema: pa.Schema, columns: list[str]) -> None:
    """Name the column whose values do not fit the type that all files share."""
    for name in columns:
        if name in part.fragment.physical_schema.names:
            try:
                part.fragment.to_table(schema=schema, columns=[name])
            except pa.ArrowInvalid as cause:
                line = error_text(cause, samples=part.samples, longest=200)
                kind = schema.field(name).type
                raise DataRejected(
                    f"{part.file.name}: column {name!r} does not fit the type {kind} of the other files: "
                    f"{line}; {_HINT}"
                ) from cause


def _window(part: ParquetPart, request: ReadRequest) -> Any:
    """Return the window as a filter on one file, or None where it could disagree with ``event_times``.

    A file with a cell that is not a time is read as a whole, so that every such row is counted.
    """
    bounds = [bound for bound in (request.start, request.end) if bound is not None]
    kind = part.schema.field(request.time).type if request.time in part.schema.names else None
    if not bounds or kind is None or not pa.types.is_timestamp(kind):
        return None
    if kind.tz is None and request.timezone != "UTC":  # pyarrow compares local times as if they were UTC
        return None
    time, chosen = pc.field(request.time), pads.scalar(True)
    unreadable = time.is_null()
    if kind.unit != "ns":  # nanoseconds end in 2262
        unreadable = unreadable | (time < _stamp(_FIRST, kind)) | (time > _stamp(_LAST, kind))
    with part.reading():
        if part.index or _count(part, part.schema, unreadable):
            return None
    if request.start is not None:
        chosen = chosen & (time >= _stamp(request.start, kind))
    if request.end is not None:
        chosen = chosen & (time < _stamp(request.end, kind))
    return chosen


def _stamp(at: datetime, kind: Any) -> Any:
    moment = in_utc(at)
    return pa.scalar(moment if kind.tz else moment.replace(tzinfo=None), type=pa.timestamp("us", tz=kind.tz))
