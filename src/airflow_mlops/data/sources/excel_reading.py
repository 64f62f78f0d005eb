"""One Excel file as a frame: one sheet of it."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.excel_library import excel_engine, missing_package
from airflow_mlops.data.sources.frames import loses_digits
from airflow_mlops.data.sources.listing import SourceFile
from airflow_mlops.data.sources.report import named
from airflow_mlops.data.sources.text_reading import opened


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
    with opened(file) as (stream, _), pd.ExcelFile(io.BytesIO(stream.read()), engine=engine) as book:
        sheets = [str(name) for name in book.sheet_names]
        if isinstance(sheet, str) and sheet not in sheets:
            raise ConfigError(f"{file.name}: no sheet {sheet!r}; has {named(sheets, 10)}")
        if sheet is None and len(sheets) > 1:
            request.report.note(
                f"{file.name}: sheet {sheets[0]!r} is read, not {named(sheets[1:])}: choose with load_args: "
                "{sheet_name: …}"
            )
        header = pd.read_excel(book, 0 if sheet is None else sheet, header=None, nrows=1, dtype=str)
        first = [] if header.empty else [name for name in header.iloc[0].tolist() if isinstance(name, str)]
        if not {"header", "names", "skiprows"} & set(arguments) and len(set(first)) < len(first):
            twice = next(name for name in first if first.count(name) > 1)
            raise DataRejected(f"{file.name}: two columns are named {twice!r}: give each its own name")
        frame = pd.read_excel(book, 0 if sheet is None else sheet, **arguments)
        large = [name for name in frame.columns if loses_digits(frame[name])]
        exact = (
            pd.read_excel(book, 0 if sheet is None else sheet, **{**arguments, "dtype": object})
            if large
            else frame
        )
    if frame.columns.empty:
        raise DataRejected(f"{file.name}: the sheet is empty, at least a row with names is needed")
    for name in large:
        if exact[name].map(lambda value: isinstance(value, int)).any():
            raise DataRejected(
                f"{file.name}: column {str(name)!r} has whole numbers above 2^53 beside gaps, which floats "
                "cannot hold exactly: write them as text"
            )
    return frame.reset_index(drop=True)
