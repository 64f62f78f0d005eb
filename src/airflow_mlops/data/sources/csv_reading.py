"""One CSV file as a frame, with what pandas would do without a word: refused, or reported."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
from pandas._libs.parsers import STR_NA_VALUES  # type: ignore[import-untyped, import-not-found, unused-ignore]

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data.core.file_names import unpacked
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.cell_notes import SAMPLE, note_lines, note_numbers, note_written
from airflow_mlops.data.sources.file_faults import separator_hint
from airflow_mlops.data.sources.frames import loses_digits
from airflow_mlops.data.sources.listing import SourceFile
from airflow_mlops.data.sources.text_reading import UNPACK, opened

_MANGLED: Final = re.compile(r"(?P<name>.*)\.\d+")
_UNNAMED: Final = re.compile(r"Unnamed: \d+")
_PARTLY: Final = ("chunksize", "iterator")
_OWN_LINES: Final = {"header", "names", "skiprows", "skipfooter", "nrows", "comment", "usecols", "encoding",
                     "quoting", "quotechar", "delimiter", "index_col", "lineterminator"}  # fmt: skip
"""Arguments under which a line has not a cell for each column that is read."""
_OWN_GAPS: Final = {"dtype", "na_filter", "keep_default_na", "converters", "names", "header", "skiprows",
                    "nrows"}  # fmt: skip
"""Arguments that say themselves what a gap or a type is, or under which a column cannot be read alone."""
_OTHER_ROWS: Final = {"nrows", "converters", "skipfooter", "index_col", "names", "header", "usecols"}
"""Arguments under which the first rows, read again, would not be those of the frame."""
_WHOLE: Final = r"\s*[+-]?\d{16,}\s*"


def parse_csv(file: SourceFile, request: ReadRequest) -> pd.DataFrame:
    """Return the rows of one file; what pandas would guess, drop or rename is refused or reported."""
    arguments = arguments_of(file, request)
    frame, warned = _read_warned(file, arguments)
    frame = _with_gaps(file, frame, arguments)
    count_skipped(file, frame, warned, request)
    check_header(file, frame, arguments, request)
    _check_values(file, frame, arguments, request)
    if len(frame) and frame.iloc[:, -1].isna().any():
        check_lines(file, len(frame.columns), arguments, request)
    return frame.reset_index(drop=True)


def arguments_of(file: SourceFile, request: ReadRequest) -> dict[str, Any]:
    """Return the arguments of ``pandas.read_csv`` for a file; raises ConfigError for one that parts it."""
    given = request.source.load_args
    for name in _PARTLY:
        if given.get(name):
            raise ConfigError(f"data.source.load_args.{name} must not be set: the whole file is read")
    return {**_defaults(file, given), **given}


def separator_of(arguments: Mapping[str, Any]) -> str:
    """Return what separates the cells of a line."""
    return str(arguments.get("sep", arguments.get("delimiter", ",")))


def as_text(arguments: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the arguments that read some columns as they are written."""
    return {**arguments, "usecols": list(names), "dtype": str, "parse_dates": None}


def with_gaps(texts: pd.Series) -> pd.Series:
    """Return a batch of a column of texts with its gaps, of which pandas keeps all or none."""
    return texts if texts.isna().any() else texts.mask(texts.isin(STR_NA_VALUES))


def _with_gaps(file: SourceFile, frame: pd.DataFrame, arguments: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows with the gaps of columns that are text because of a number beyond 64 bits.

    pandas reads such a column again without looking for gaps, so that an empty cell becomes an empty text.
    """
    if _OWN_GAPS & set(arguments):
        return frame
    lost = [
        name
        for name in frame.columns
        if isinstance(frame[name].dtype, pd.StringDtype)
        and frame[name].notna().all()
        and with_gaps(frame[name]).isna().any()
    ]
    return frame.assign(**read_csv(file, as_text(arguments, lost))) if lost else frame


def _defaults(file: SourceFile, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments under which each column has one type, and the separator that the name says."""
    defaults: dict[str, Any] = {}
    if "index_col" not in given and "names" not in given:
        defaults["index_col"] = False  # else the cells that the header has no names for become an index
    if unpacked(file.path)[0].endswith(".tsv") and not {"sep", "delimiter"} & set(given):
        defaults["sep"] = "\t"
    separator = given.get("sep", given.get("delimiter", ","))
    if given.get("engine", "c") == "c" and (separator == r"\s+" or len(separator or "") == 1):
        defaults["low_memory"] = False  # pandas reads with other separators in Python
    return defaults


def check_lines(file: SourceFile, columns: int, arguments: Mapping[str, Any], request: ReadRequest) -> None:
    """Refuse a file whose last line is cut short; report lines with fewer cells, which pandas fills up.

    A file with quotes is not looked at: a cell may have separators and line breaks there.
    """
    if _OWN_LINES & set(request.source.load_args):
        return
    separator = str(arguments.get("sep", ",")).encode()
    short: list[int] = []
    whole, number = True, 0
    with opened(file) as (stream, compression):
        for number, line in enumerate(UNPACK[compression](stream) if compression in UNPACK else (), 1):
            if b'"' in line or len(separator) != 1:
                return
            if line.strip() and line.count(separator) < columns - 1:
                short.append(number)
                whole = line.endswith(b"\n")
    if short and short[-1] == number and not whole:
        raise DataRejected(f"{file.name}: the last line is cut short, line {number:,}: copy the file again")
    if short:
        request.report.note(
            f"{file.name}: {len(short):,} {'line has' if len(short) == 1 else 'lines have'} fewer cells than "
            f"the header, the first is line {short[0]:,}: the last columns are empty there"
        )


def read_csv(file: SourceFile, arguments: Mapping[str, Any]) -> pd.DataFrame:
    """Return what pandas reads with these arguments."""
    return _read_warned(file, arguments)[0]


def _read_warned(file: SourceFile, arguments: Mapping[str, Any]) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows, and the texts of pandas' warnings about lines."""
    if arguments.get("on_bad_lines") == "skip":  # pandas counts only what it warns of
        arguments = {**arguments, "on_bad_lines": "warn"}
    with opened(file) as (stream, compression), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", pd.errors.ParserWarning)
        try:
            frame: pd.DataFrame = pd.read_csv(stream, **{"compression": compression, **arguments})
        except ValueError as error:
            check_arguments(arguments, error)
            raise
    return frame, [str(item.message) for item in caught if issubclass(item.category, pd.errors.ParserWarning)]


def check_arguments(arguments: Mapping[str, Any], error: ValueError) -> None:
    """Raise ConfigError for an error that a table of two cells raises as well: it is about the arguments."""
    try:
        pd.read_csv(io.StringIO("a,b\n1,2\n"), **arguments)
    except ValueError as other:
        if str(other) == str(error):
            raise ConfigError(f"data.source.load_args does not fit pandas.read_csv: {error}") from error


def count_skipped(file: SourceFile, frame: pd.DataFrame, texts: list[str], request: ReadRequest) -> None:
    """Count the lines that pandas warned of and left out; refuse rows with more cells than names."""
    skipped = sum(text.count("Skipping line") for text in texts)
    if skipped:
        request.report.leave_out("lines that load_args.on_bad_lines skips", skipped)
        request.report.note(f"{file.name}: {skipped:,} bad lines are left out, as on_bad_lines says")
    if any("loss of data" in text for text in texts):
        raise DataRejected(
            f"{file.name}: rows have more cells than the header has names: correct the header, or give "
            f"load_args: {{names: […], header: 0}}{separator_hint([str(name) for name in frame.columns])}"
        )


def check_header(
    file: SourceFile, frame: pd.DataFrame, arguments: Mapping[str, Any], request: ReadRequest
) -> None:
    """Refuse two columns of one name, which pandas renames; report a column without a name."""
    if {"names", "header"} & set(arguments):
        return
    names = [str(name) for name in frame.columns]
    suspects = [match["name"] for name in names if (match := _MANGLED.fullmatch(name))]
    if any(name in names for name in suspects):
        skip = {"dtype", "parse_dates", "usecols", "index_col", "converters", "nrows", "true_values"}
        header = {key: value for key, value in arguments.items() if key not in skip}
        first = read_csv(file, {**header, "header": None, "nrows": 1, "dtype": str}).iloc[0].tolist()
        if twice := next((name for name in first if first.count(name) > 1), None):
            raise DataRejected(f"{file.name}: two columns are named {twice!r}: give each its own name")
    if unnamed := [name for name in names if _UNNAMED.fullmatch(name)]:
        request.report.note(
            f"{file.name}: {unnamed[0]!r} is a column without a name, as pandas writes a row number: "
            f"leave it out with data.columns: {{drop: [{unnamed[0]!r}]}}"
        )


def _check_values(
    file: SourceFile, frame: pd.DataFrame, arguments: Mapping[str, Any], request: ReadRequest
) -> None:
    """Refuse numbers that lost digits; report what pandas makes of cells without a word."""
    if large := [str(name) for name in frame.columns if loses_digits(frame[name])]:
        check_digits(file, large, read_csv(file, as_text(arguments, large)))
    separator = separator_of(arguments)
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.StringDtype):
            if arguments.get("dtype") is None:
                note_numbers(frame[name], str(name), file.name, request.report)
            if len(separator) == 1:
                columns = len(frame.columns)
                note_lines(frame[name], str(name), columns, separator, file.name, request.report)
    report_written(file, frame, arguments, request)


def check_digits(file: SourceFile, names: Sequence[str], texts: pd.DataFrame) -> None:
    """Refuse columns of floats that are written as whole numbers which floats cannot hold."""
    for name in names:
        if texts[name].str.fullmatch(_WHOLE).any():
            raise DataRejected(
                f"{file.name}: column {name!r} has whole numbers above 2^53 beside gaps, which floats cannot "
                f"hold exactly: name its type, such as load_args: {{dtype: {{{name}: Int64}}}}"
            )


def report_written(
    file: SourceFile, frame: pd.DataFrame, arguments: Mapping[str, Any], request: ReadRequest
) -> None:
    """Report what has become of the first cells as they are written."""
    given = request.source.load_args
    if _OTHER_ROWS & set(given):
        return
    first = read_csv(
        file, {**arguments, "nrows": SAMPLE, "dtype": str, "parse_dates": None, "keep_default_na": False}
    )
    typed = frame.columns if arguments.get("dtype") is not None else ()
    note_written(frame, first, file.name, request.report, typed=typed)
