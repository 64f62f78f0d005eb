"""Files whose types are inferred one by one (CSV, JSON, Excel), put together as one frame."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import pandas as pd
import pyarrow as pa

from airflow_mlops.core.errors import DataRejected
from airflow_mlops.data.core.file_names import all_whole, is_ignored, unpacked
from airflow_mlops.data.sources.arrow_types import FileSchema, unify
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.batches import Batches
from airflow_mlops.data.sources.copies import note_copies
from airflow_mlops.data.sources.file_faults import check_needed, reading
from airflow_mlops.data.sources.frames import storable, to_frame
from airflow_mlops.data.sources.listing import SourceFile, note_other_values
from airflow_mlops.data.sources.quoting import error_text
from airflow_mlops.data.sources.report import ReadReport, named

Parser = Callable[[SourceFile, ReadRequest], pd.DataFrame]
_HINTS: Final = {"csv": "name its type, such as load_args: {{dtype: {{{0}: str}}}}"}
UNPACK: Final[Mapping[str | None, Callable[[Any], Any]]] = {
    None: lambda stream: stream, "gzip": gzip.open, "bz2": bz2.open, "xz": lzma.open,
}  # fmt: skip
"""What unpacks a stream, by pandas' name of the compression."""
_OTHER_HINT: Final = "write the files with one type, or read them by a function (type: callable)"


def read_text_files(files: Sequence[SourceFile], request: ReadRequest, parse: Parser) -> pd.DataFrame:
    """Return the rows of all files in the order given; ``parse`` reads one.

    An empty file among others is reported and left out. Raises ConfigError for a wrong argument, DataRejected
    for a file that cannot be read and for columns that cannot be unified, BackendError when storage does not
    answer.
    """
    kind, samples = request.source.type, request.report.samples
    frames: list[tuple[SourceFile, pd.DataFrame]] = []
    for file in files:
        if file.fs.size(file.path) == 0:
            request.report.note(f"{file.name} is empty: 0 bytes")
            continue
        with reading(file, kind, f"pandas.read_{kind}", samples=samples):
            frame = parse(file, request)
            if frame.empty and frame.columns.empty:
                request.report.note(f"{file.name} is empty: it has no row and no names of columns")
                continue
            check_needed(file, [str(name) for name in frame.columns], request)
            frames.append((file, storable(frame, file.name, samples=samples)))
    if not frames:
        raise DataRejected(f"{named([file.name for file in files])}: empty, at least 1 row is needed")
    note_copies([file for file, frame in frames if len(frame)], request.report)
    frames = _with_partitions(frames, request.report)
    return frames[0][1] if len(frames) == 1 else _together(frames, request)


class Scanned(Protocol):
    """A file that was read once: the types of its columns, and its rows in batches of these types.

    ``masked`` columns have a type for gaps whether there is one or not, ``empty`` ones no value in any row.
    """

    @property
    def file(self) -> SourceFile: ...  # noqa: D102
    @property
    def rows(self) -> int: ...  # noqa: D102
    @property
    def schema(self) -> pa.Schema: ...  # noqa: D102
    @property
    def masked(self) -> frozenset[str]: ...  # noqa: D102
    @property
    def empty(self) -> frozenset[str]: ...  # noqa: D102

    def tables(self, columns: Collection[str]) -> Iterator[pa.Table]:
        """Read some columns; raises BackendError when the file is not the one that was scanned."""

    def unique(self, name: str) -> list[Any]:
        """Return the different values of a column."""


def text_batches(
    files: Sequence[SourceFile], request: ReadRequest, scan: Callable[[SourceFile, ReadRequest], Scanned]
) -> Batches:
    """Return the rows of all files in batches: those that ``read_text_files`` returns, with its errors."""
    scanned = []
    for file in files:
        if file.fs.size(file.path) == 0:
            request.report.note(f"{file.name} is empty: 0 bytes")
            continue
        found = scan(file, request)
        check_needed(file, found.schema.names, request)
        scanned.append(found)
    if not scanned:
        raise DataRejected(f"{named([file.name for file in files])}: empty, at least 1 row is needed")
    note_copies([found.file for found in scanned if found.rows], request.report)
    whole = _whole_partitions([found.file for found in scanned])
    for found in scanned:
        for name, value in found.file.partitions.items():
            if name in found.schema.names:
                note_other_values(found.file, name, value, found.unique(name), request.report)
    schemas = [_with_folders(found, whole) for found in scanned]
    masked = {name for found in scanned for name in found.masked} | whole
    if len(scanned) == 1:
        used = _used(schemas[0], request)
        return Batches(used, _of_file(scanned[0], schemas[0], used), masked=frozenset(masked))
    schema = unify(
        [
            FileSchema(found.file.name, own, found.empty.__contains__)
            for found, own in zip(scanned, schemas, strict=True)
        ],
        _hint(request),
        request.report.note,
    )
    used = _used(schema, request)
    tables = (
        _fitted(found.file, table, used, samples=request.report.samples)
        for found, own in zip(scanned, schemas, strict=True)
        for table in _of_file(found, own, used)
    )
    return Batches(used, tables, nullable=frozenset(masked))


def _used(schema: pa.Schema, request: ReadRequest) -> pa.Schema:
    return pa.schema([schema.field(name) for name in request.used(schema.names)])


def _with_folders(found: Scanned, whole: Collection[str]) -> pa.Schema:
    schema = found.schema
    for name in found.file.partitions:
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.int64() if name in whole else pa.large_string()))
    return schema


def _of_file(found: Scanned, schema: pa.Schema, used: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of a file with the columns that are used, those that its folders name included."""
    added = [field for field in list(schema)[len(found.schema) :] if field.name in used.names]
    for table in found.tables(used.names):
        for field in added:
            value = found.file.partitions[field.name]
            known = value if value is None or pa.types.is_large_string(field.type) else int(value)
            table = table.append_column(field, pa.repeat(pa.scalar(known, field.type), table.num_rows))
        yield table


def _hint(request: ReadRequest) -> str:
    kind = request.source.type
    return _HINTS[kind].format("NAME") if kind in _HINTS else _OTHER_HINT


def _whole_partitions(files: Sequence[SourceFile]) -> set[str]:
    """Return the names of folders whose values are whole numbers."""
    values: dict[str, list[str | None]] = {}
    for file in files:
        for name, value in file.partitions.items():
            values.setdefault(name, []).append(value)
    return {name for name, found in values.items() if all_whole(found) and any(found)}


def _with_partitions(
    frames: Sequence[tuple[SourceFile, pd.DataFrame]], report: ReadReport
) -> list[tuple[SourceFile, pd.DataFrame]]:
    """Add the columns that the names of folders hold, where a file has none of that name itself."""
    whole = _whole_partitions([file for file, _ in frames])
    added = []
    for file, frame in frames:
        for name, value in file.partitions.items():
            if name in frame.columns:
                note_other_values(file, name, value, frame[name].unique(), report)
        new = {
            name: pd.array([None if value is None else int(value)] * len(frame), dtype="Int64")
            if name in whole
            else pd.array([value] * len(frame), dtype="str")
            for name, value in file.partitions.items()
            if name not in frame.columns
        }
        added.append((file, frame.assign(**new) if new else frame))
    return added


def _together(frames: Sequence[tuple[SourceFile, pd.DataFrame]], request: ReadRequest) -> pd.DataFrame:
    tables = [(file, pa.Table.from_pandas(frame, preserve_index=False)) for file, frame in frames]
    masked = {
        str(name)
        for _, frame in frames
        for name, dtype in frame.dtypes.items()
        if isinstance(dtype, pd.api.extensions.ExtensionDtype)
        and pd.api.types.is_any_real_numeric_dtype(dtype)
    }
    schema = unify(
        [FileSchema(file.name, table.schema, _emptiness(table)) for file, table in tables],
        _hint(request),
        request.report.note,
    )
    samples = request.report.samples
    fitted = (_fitted(file, table, schema, samples=samples) for file, table in tables)
    return to_frame(pa.concat_tables(fitted), masked)


def _emptiness(table: pa.Table) -> Callable[[str], bool]:
    return lambda name: bool(table.column(name).null_count == table.num_rows)


def _fitted(file: SourceFile, table: pa.Table, schema: pa.Schema, *, samples: bool) -> pa.Table:
    """Return a file's rows with the columns and types that all files share."""
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        values = table.column(field.name)
        try:
            empty = values.null_count == table.num_rows
            columns.append(pa.nulls(table.num_rows, field.type) if empty else values.cast(field.type))
        except pa.ArrowInvalid as error:
            line = error_text(error, samples=samples, longest=200)
            raise DataRejected(
                f"{file.name}: column {field.name!r} does not fit the type {field.type} of the other files: "
                f"{line}"
            ) from error
    return pa.table(columns, schema=schema)


@contextmanager
def opened(file: SourceFile) -> Iterator[tuple[Any, str | None]]:
    """Open a file for pandas: its stream, and what pandas has to unpack it with.

    Of a zip only the file in it counts that is not hidden; raises DataRejected for none or several.
    """
    _, compression = unpacked(file.path)
    with file.fs.open(file.path, "rb") as stream:
        if compression != "zip":
            yield stream, compression
            return
        with zipfile.ZipFile(stream) as archive:
            members = [item for item in archive.namelist() if not item.endswith("/")]
            data = [item for item in members if not any(map(is_ignored, item.split("/")))]
            if len(data) != 1:
                inside = f"{len(data)} files ({named(data)})" if data else "no file"
                raise DataRejected(
                    f"{file.name} has {inside} in it, it must have one: unpack it into a folder"
                )
            with archive.open(data[0]) as member:
                yield io.BufferedReader(member), None
