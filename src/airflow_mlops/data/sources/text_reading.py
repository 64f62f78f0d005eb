"""Files whose types are inferred one by one (CSV, JSON, Excel), put together as one frame."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from airflow_mlops.core.errors import DataRejected
from airflow_mlops.data.core.file_names import all_whole, is_ignored, unpacked
from airflow_mlops.data.sources.arrow_types import FileSchema, unify
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.copies import note_copies
from airflow_mlops.data.sources.file_faults import check_needed, reading
from airflow_mlops.data.sources.frames import storable, to_frame
from airflow_mlops.data.sources.listing import SourceFile, note_other_values
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
    kind = request.source.type
    frames: list[tuple[SourceFile, pd.DataFrame]] = []
    for file in files:
        if file.fs.size(file.path) == 0:
            request.report.note(f"{file.name} is empty: 0 bytes")
            continue
        with reading(file, kind, f"pandas.read_{kind}"):
            frame = parse(file, request)
            if frame.empty and frame.columns.empty:
                request.report.note(f"{file.name} is empty: it has no row and no names of columns")
                continue
            check_needed(file, [str(name) for name in frame.columns], request)
            frames.append((file, storable(frame, file.name)))
    if not frames:
        raise DataRejected(f"{named([file.name for file in files])}: empty, at least 1 row is needed")
    note_copies([file for file, frame in frames if len(frame)], request.report)
    frames = _with_partitions(frames, request.report)
    return frames[0][1] if len(frames) == 1 else _together(frames, request)


def _with_partitions(
    frames: Sequence[tuple[SourceFile, pd.DataFrame]], report: ReadReport
) -> list[tuple[SourceFile, pd.DataFrame]]:
    """Add the columns that the names of folders hold, where a file has none of that name itself."""
    values: dict[str, list[str | None]] = {}
    for file, _ in frames:
        for name, value in file.partitions.items():
            values.setdefault(name, []).append(value)
    whole = {name for name, found in values.items() if all_whole(found) and any(found)}
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
    kind = request.source.type
    schema = unify(
        [FileSchema(file.name, table.schema, _emptiness(table)) for file, table in tables],
        _HINTS[kind].format("NAME") if kind in _HINTS else _OTHER_HINT,
        request.report.note,
    )
    return to_frame(pa.concat_tables(_fitted(file, table, schema) for file, table in tables), masked)


def _emptiness(table: pa.Table) -> Callable[[str], bool]:
    return lambda name: bool(table.column(name).null_count == table.num_rows)


def _fitted(file: SourceFile, table: pa.Table, schema: pa.Schema) -> pa.Table:
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
            line = str(error).splitlines()[0][:200]
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
