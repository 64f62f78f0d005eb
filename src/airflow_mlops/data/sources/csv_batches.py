"""One CSV file in batches: read once for the type of each column, and once more for its rows."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from airflow_mlops.data.sources import batches
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.cell_notes import SAMPLE, LinesInText, NumbersInText
from airflow_mlops.data.sources.csv_columns import (
    ARROW,
    BEYOND,
    DTYPES,
    EMPTY,
    FLOAT,
    TEXT,
    ColumnSums,
)
from airflow_mlops.data.sources.csv_reading import (
    arguments_of,
    as_text,
    check_arguments,
    check_digits,
    check_header,
    check_lines,
    count_skipped,
    read_csv,
    report_written,
    separator_of,
    with_gaps,
)
from airflow_mlops.data.sources.file_faults import changed, reading, version_of
from airflow_mlops.data.sources.frames import check_column, storable
from airflow_mlops.data.sources.listing import SourceFile
from airflow_mlops.data.sources.text_reading import UNPACK, opened

_READER: Final = "pandas.read_csv"
_HEAD: Final = 1 << 20
_LINE: Final = 200
"""Bytes of a line where they cannot be counted before pandas unpacks them."""


@dataclass(frozen=True)
class ScannedCsv:
    """What the first reading of a file has found: its rows, and the types that its columns have."""

    file: SourceFile
    version: tuple[object, ...] | None
    rows: int
    schema: pa.Schema
    masked: frozenset[str]
    empty: frozenset[str]
    _arguments: Mapping[str, Any]
    _batch: int
    _samples: bool

    def tables(self, columns: Collection[str]) -> Iterator[pa.Table]:
        """Read the rows; raises BackendError when the file is not the one that was scanned.

        The other columns are not read, unless lines with too many cells are to be left out: these are found
        only where all cells are read. The scan has read them all.
        """
        schema = pa.schema([item for item in self.schema if item.name in columns])
        arguments = self._arguments
        if "on_bad_lines" not in arguments:
            arguments = {**arguments, "usecols": schema.names}
        rows = 0
        with reading(self.file, "csv", _READER, before=self.version, samples=self._samples):
            for frame in _Chunks(self.file, arguments, self._batch):
                rows += len(frame)
                yield pa.table([_column(frame[item.name], item.type) for item in schema], schema=schema)
        if rows != self.rows:
            raise changed(self.file)

    def unique(self, name: str) -> list[Any]:
        """Return the different values of a column."""
        arguments = {**self._arguments, "usecols": [name]}
        found: dict[Any, None] = {}
        with reading(self.file, "csv", _READER, before=self.version, samples=self._samples):
            for frame in _Chunks(self.file, arguments, self._batch):
                found |= dict.fromkeys(frame[name].unique())
        return list(found)


def _column(values: pd.Series, kind: pa.DataType) -> pa.Array:
    return pa.array(values.astype(object) if pa.types.is_boolean(kind) else values, kind, from_pandas=True)


class _Chunks:
    """The rows of a file in frames, and what pandas warned of."""

    def __init__(self, file: SourceFile, arguments: Mapping[str, Any], rows: int) -> None:
        self._file, self._rows = file, rows
        skips = arguments.get("on_bad_lines") == "skip"  # pandas counts only what it warns of
        self._arguments = {**arguments, **({"on_bad_lines": "warn"} if skips else {})}
        self.warned: list[str] = []

    def __iter__(self) -> Iterator[pd.DataFrame]:
        with opened(self._file) as (stream, compression):
            arguments = {"compression": compression, **self._arguments, "chunksize": self._rows}
            reader: Any = self._heard(lambda: pd.read_csv(stream, **arguments))
            while (frame := self._heard(lambda: next(reader, None))) is not None:
                yield frame

    def _heard(self, read: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", pd.errors.ParserWarning)
            try:
                found = read()
            except ValueError as error:
                check_arguments(self._arguments, error)
                raise
        parser = [item for item in caught if issubclass(item.category, pd.errors.ParserWarning)]
        self.warned += [str(item.message) for item in parser]
        return found


def scan_csv(file: SourceFile, request: ReadRequest) -> ScannedCsv:
    """Read a file once; what pandas would guess, drop or rename is refused or reported as for a whole one."""
    version = version_of(file)
    with reading(file, "csv", _READER, before=version, samples=request.report.samples):
        return _Scan(file, request).run(version)


class _Scan:
    def __init__(self, file: SourceFile, request: ReadRequest) -> None:
        self._file, self._request = file, request
        self._arguments = arguments_of(file, request)
        self._batch = _rows_of_a_batch(file)
        self._sums: dict[str, ColumnSums] = {}
        self._numbers: dict[str, NumbersInText] = {}
        self._lines: dict[str, LinesInText] = {}
        self._typed: dict[str, Any] = {}
        self._rows = 0
        self._last_has_gaps = False

    def run(self, version: tuple[object, ...] | None) -> ScannedCsv:
        chunks, first = _Chunks(self._file, self._arguments, self._batch), pd.DataFrame()
        for frame in chunks:
            if not self._sums:
                first = frame[:0]
                self._begin(storable(first, self._file.name))
            self._add(frame)
            self._rows += len(frame)
        count_skipped(self._file, first, chunks.warned, self._request)
        check_header(self._file, first, self._arguments, self._request)
        kinds = self._kinds()
        arguments = self._typed_arguments(kinds)
        self._report(kinds, arguments)
        if self._rows and self._last_has_gaps:
            check_lines(self._file, len(first.columns), self._arguments, self._request)
        for name, sums in self._sums.items():
            if kinds.get(name) == BEYOND:
                values = pd.Series([sums.too_large], dtype=object)
                check_column(values, name, self._file.name, samples=self._request.report.samples)
        return self._scanned(version, kinds, arguments)

    def _begin(self, frame: pd.DataFrame) -> None:
        dtype = self._arguments.get("dtype")
        given = dtype if isinstance(dtype, dict) else dict.fromkeys(frame.columns, dtype)
        self._typed = {
            name: frame[name].dtype for name in frame.columns if dtype is not None and name in given
        }
        self._sums = {str(name): ColumnSums() for name in frame.columns}

    def _add(self, frame: pd.DataFrame) -> None:
        for name, sums in self._sums.items():
            values = frame[name]
            if isinstance(values.dtype, pd.StringDtype):
                if self._arguments.get("dtype") is None:
                    values = with_gaps(values)
                self._add_texts(name, values)
            elif name in self._lines:
                self._lines[name].skip(len(values))
            sums.add(values)
        if len(frame.columns):
            self._last_has_gaps = self._last_has_gaps or bool(frame.iloc[:, -1].isna().any())

    def _add_texts(self, name: str, values: pd.Series) -> None:
        if name not in self._lines:
            separator = separator_of(self._arguments)
            self._lines[name] = LinesInText(len(self._sums), separator, self._rows)
            self._numbers[name] = NumbersInText()
        self._lines[name].add(values)
        if self._arguments.get("dtype") is None:
            self._numbers[name].add(values)

    def _kinds(self) -> dict[str, str]:
        return {name: self._kind(name) for name in self._sums if name not in self._typed}

    def _kind(self, name: str) -> str:
        return self._sums[name].kind(lambda: self._texts(name), lambda: self._floats(name))

    def _texts(self, name: str) -> Iterator[pd.Series]:
        for frame in _Chunks(self._file, as_text(self._arguments, [name]), self._batch):
            yield frame[name]

    def _floats(self, name: str) -> bool:
        arguments = {**as_text(self._arguments, [name]), "dtype": {name: "float64"}}
        try:
            for _ in _Chunks(self._file, arguments, self._batch):
                pass
        except ValueError:
            return False
        return True

    def _report(self, kinds: Mapping[str, str], arguments: Mapping[str, Any]) -> None:
        floats = [name for name in self._sums if self._is_float(name, kinds)]
        if large := [name for name in floats if self._sums[name].may_lose_digits]:
            for frame in _Chunks(self._file, as_text(self._arguments, large), self._batch):
                check_digits(self._file, large, frame)
        report = self._request.report
        for name, sums in self._sums.items():
            if kinds.get(name, TEXT) == TEXT:
                if sums.kinds - {TEXT, EMPTY} and name not in self._typed:
                    self._read_texts(name)
                if name in self._lines:
                    self._numbers[name].report(name, self._file.name, report)
                    self._lines[name].report(name, self._file.name, report)
        head = read_csv(self._file, {**arguments, "nrows": SAMPLE})
        report_written(self._file, head, self._arguments, self._request)

    def _read_texts(self, name: str) -> None:
        """Look at all cells of a column that only some batches had as text."""
        self._lines.pop(name, None)
        rows, self._rows = self._rows, 0
        for values in self._texts(name):
            self._add_texts(name, values)
        self._rows = rows

    def _is_float(self, name: str, kinds: Mapping[str, str]) -> bool:
        return kinds.get(name) == FLOAT or self._typed.get(name) == np.float64

    def _typed_arguments(self, kinds: Mapping[str, str]) -> dict[str, Any]:
        """Return the arguments that give each batch the types of the whole file."""
        given = self._arguments.get("dtype")
        dtypes = {name: DTYPES[kind] for name, kind in kinds.items() if kind in DTYPES}
        dtypes |= {name: given.get(name) if isinstance(given, dict) else given for name in self._typed}
        return {**self._arguments, "dtype": dtypes} if self._rows else self._arguments

    def _scanned(
        self, version: tuple[object, ...] | None, kinds: Mapping[str, str], arguments: Mapping[str, Any]
    ) -> ScannedCsv:
        masked = [
            name
            for name, dtype in self._typed.items()
            if isinstance(dtype, pd.api.extensions.ExtensionDtype) and dtype.kind in "iub"
        ]
        return ScannedCsv(
            file=self._file,
            version=version,
            rows=self._rows,
            schema=pa.schema([pa.field(name, self._arrow(name, kinds)) for name in self._sums]),
            masked=frozenset(masked),
            empty=frozenset(name for name, sums in self._sums.items() if sums.kinds <= {EMPTY}),
            _arguments=arguments,
            _batch=self._batch,
            _samples=self._request.report.samples,
        )

    def _arrow(self, name: str, kinds: Mapping[str, str]) -> pa.DataType:
        if name in self._typed:
            return pa.array(pd.Series([], dtype=self._typed[name]), from_pandas=True).type
        return ARROW[kinds[name]] if self._rows else pa.null()


def _rows_of_a_batch(file: SourceFile) -> int:
    """Return how many lines make a batch, by the length of the first ones."""
    with opened(file) as (stream, compression):
        head: bytes = UNPACK[compression](stream).read(_HEAD) if compression in UNPACK else b""
    line = len(head) / max(1, head.count(b"\n")) or _LINE
    return int(max(1, batches.BATCH_BYTES / line))
