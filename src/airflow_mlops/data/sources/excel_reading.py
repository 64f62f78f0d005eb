"""One Excel file as a frame: one sheet of it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pandas as pd

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.cell_notes import SAMPLE, note_written
from airflow_mlops.data.sources.excel_library import excel_engine, missing_package
from airflow_mlops.data.sources.frames import loses_digits
from airflow_mlops.data.sources.listing import SourceFile
from airflow_mlops.data.sources.report import named
from airflow_mlops.data.sources.text_reading import opened

_OTHER_ROWS: Final = {"names", "header", "nrows", "skipfooter", "index_col", "converters"}
"""Arguments under which the first rows, read again, would not be those of the frame."""
_OF_ARGUMENTS: Final = (
    "Worksheet",
    "Unknown engine",
    "Passed header",
    "Invalid column name",
    "Passing negative",
)


def parse_excel(file: SourceFile, request: ReadRequest) -> pd.DataFrame:
    """Return the rows of one sheet, by default the first one; the other sheets are reported."""
    arguments = dict(request.source.load_args)
    sheet = arguments.pop("sheet_name", None)
    if isinstance(sheet, list):
        raise ConfigError("data.source.load_args.sheet_name must be one sheet, by name or number")
    engine: Any = arguments.pop("engine", None) or excel_engine(file.path)
    if engine is None:
        package = missing_package(file.path)
        raise ConfigError(f"{file.name}: no library for Excel files is installed: pip install {package}")
    with opened(file) as (stream, _):
        content = io.BytesIO(stream.read())
    with _of_arguments(), pd.ExcelFile(content, engine=engine) as book:
        number = _sheet(book, sheet, file, request)
        _check_names(book, number, arguments, file)
        frame: pd.DataFrame = pd.read_excel(book, number, **arguments)
        _check_values(book, number, frame, arguments, file, request)
    return frame.reset_index(drop=True)


@contextmanager
def _of_arguments() -> Iterator[None]:
    """Turn what pandas raises for a wrong argument, as a number of a sheet, into ConfigError."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(_OF_ARGUMENTS):
            raise
        raise ConfigError(f"data.source.load_args does not fit pandas.read_excel: {error}") from error


def _sheet(book: pd.ExcelFile, sheet: Any, file: SourceFile, request: ReadRequest) -> Any:
    sheets = [str(name) for name in book.sheet_names]
    if isinstance(sheet, str) and sheet not in sheets:
        raise ConfigError(f"{file.name}: no sheet {sheet!r}; has {named(sheets, 10)}")
    if sheet is None and len(sheets) > 1:
        request.report.note(
            f"{file.name}: sheet {sheets[0]!r} is read, not {named(sheets[1:])}: choose with load_args: "
            "{sheet_name: …}"
        )
    return 0 if sheet is None else sheet


def _check_names(book: pd.ExcelFile, sheet: Any, arguments: Mapping[str, Any], file: SourceFile) -> None:
    header = pd.read_excel(book, sheet, header=None, nrows=1, dtype=str)
    first = [] if header.empty else [name for name in header.iloc[0].tolist() if isinstance(name, str)]
    if not {"header", "names", "skiprows"} & set(arguments) and len(set(first)) < len(first):
        twice = next(name for name in first if first.count(name) > 1)
        raise DataRejected(f"{file.name}: two columns are named {twice!r}: give each its own name")


def _check_values(
    book: pd.ExcelFile,
    sheet: Any,
    frame: pd.DataFrame,
    arguments: Mapping[str, Any],
    file: SourceFile,
    request: ReadRequest,
) -> None:
    """Refuse a sheet without names and numbers that lost digits; report what pandas makes of other cells."""
    if frame.columns.empty:
        raise DataRejected(f"{file.name}: the sheet is empty, at least a row with names is needed")
    if not _OTHER_ROWS & set(arguments):
        as_text = {**arguments, "nrows": SAMPLE, "dtype": str, "keep_default_na": False}
        typed = frame.columns if "dtype" in arguments else ()
        first = pd.read_excel(book, sheet, **as_text)
        note_written(frame, first, file.name, request.report, typed=typed)
    if empty := [str(name) for name in frame.columns if len(frame) and frame[name].isna().all()]:
        request.report.note(
            f"{file.name}: {named(empty)} has no value: of a formula only the value that was stored with it "
            "is read, so open and save the file in a spreadsheet program"
        )
    if not (large := [name for name in frame.columns if loses_digits(frame[name])]):
        return
    exact = pd.read_excel(book, sheet, **{**arguments, "dtype": object})
    for name in large:
        if exact[name].map(lambda value: isinstance(value, int)).any():
            raise DataRejected(
                f"{file.name}: column {str(name)!r} has whole numbers above 2^53 beside gaps or fractions, "
                "which floats cannot hold exactly: write them as text"
            )
