"""What a reader of text makes of cells without a word, reported: missing values, numbers, lines in a cell."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import pandas as pd

from airflow_mlops.data.sources.quoting import such_as
from airflow_mlops.data.sources.report import ReadReport

SAMPLE: Final = 1_000
"""Rows at the beginning of a file whose cells are looked at as they are written."""
_SHOWN: Final = 3
_MOSTLY: Final = 0.9
_ZEROS: Final = r"\s*0\d+\s*"
_POWER: Final = r"\s*\d+[eE]\+?\d+\s*"
_COMMA: Final = r"\s*[+-]?\d+,\d+\s*"
_THOUSANDS: Final = r"\s*[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\s*"
_GROUPS: Final = r",\d{3},|,\d{3}\."
_POINTS: Final = r"\s*[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?\s*"
_MARKED: Final = r"\s*[+-]?(?:[$€£¥]\s?\d[\d.,]*|\d[\d.,]*\s?[%$€£¥])\s*"
_EMPTY: Final = frozenset({"", "nan"})  # an empty cell of Excel is "nan" as text


def note_written(
    frame: pd.DataFrame, first: pd.DataFrame, where: str, report: ReadReport, *, typed: Collection[str] = ()
) -> None:
    """Report codes that have become numbers, and texts that are read as missing in a column of text.

    ``first`` are the first rows of ``frame`` as they are written, as text. Columns in ``typed`` were read as
    a type that somebody chose.
    """
    for name in frame.columns:
        if name not in first:
            continue
        values, written = frame[name], first[name]
        if pd.api.types.is_string_dtype(values.dtype) and values.dtype != object:
            _note_missing(values, written, f"{where}: column {str(name)!r}", report)
        elif values.dtype.kind in "iuf" and name not in typed:
            _note_codes(written, f"{where}: column {str(name)!r}", str(name), report)


def _note_missing(values: pd.Series, written: pd.Series, column: str, report: ReadReport) -> None:
    gaps = values.iloc[: len(written)].isna().to_numpy(dtype=bool)
    if not gaps.any():
        return
    texts = written[gaps].astype("str").str.strip()
    texts = texts[~texts.isin(_EMPTY)]
    if len(texts):
        shown = such_as(texts.unique()[:_SHOWN], samples=report.samples, words="") or "text"
        report.note(
            f"{column}: {shown} is read as missing, in {len(texts):,} of the first {len(written):,} rows: "
            "for a value of its own give load_args: {keep_default_na: false, na_values: ['']}"
        )


def _note_codes(written: pd.Series, column: str, name: str, report: ReadReport) -> None:
    written = written.astype("str")
    zeros = written[written.str.fullmatch(_ZEROS).fillna(False).astype(bool)]
    powers = written[written.str.fullmatch(_POWER).fillna(False).astype(bool)]
    found = zeros if len(zeros) else powers
    if found.empty:
        return
    as_what = "as numbers without their leading zeros" if len(zeros) else "as powers of ten"
    shown = such_as(found.iloc[:1], samples=report.samples)
    report.note(f"{column} is read {as_what}{shown}: for codes give load_args: {{dtype: {{{name}: str}}}}")


def note_numbers(values: pd.Series, name: str, where: str, report: ReadReport) -> None:
    """Report a column that is text because of a few cells, of separators or of signs beside the numbers."""
    found = NumbersInText()
    found.add(values)
    found.report(name, where, report)


class NumbersInText:
    """What ``note_numbers`` reports, found out batch by batch."""

    def __init__(self) -> None:
        self._sample = pd.Series([], dtype="str")
        self._known = self._odd = 0
        self._shown: dict[str, None] = {}

    def add(self, values: pd.Series) -> None:
        """Count the next values; most columns are plain text, of which only the first ones are looked at."""
        left = SAMPLE - len(self._sample)
        if not left and not self._mostly_numbers():
            return
        known = values.dropna()
        if left:
            self._sample = pd.concat([self._sample, known.head(left)])
            if len(self._sample) == SAMPLE and not self._mostly_numbers():
                return
        self._known += len(known)
        odd = known[pd.to_numeric(known, errors="coerce").isna()]
        self._odd += len(odd)
        if len(self._shown) < _SHOWN:
            self._shown |= dict.fromkeys(odd.unique()[: 2 * _SHOWN])

    def _have_digits(self) -> bool:
        """Whether the texts may be numbers; most columns of texts end here, with one look at each cell."""
        return bool(self._sample.str.contains(r"\d").mean() >= _MOSTLY)

    def _mostly_numbers(self) -> bool:
        if not self._have_digits():
            return False
        return bool(pd.to_numeric(self._sample, errors="coerce").notna().mean() >= _MOSTLY)

    def report(self, name: str, where: str, report: ReadReport) -> None:
        """Report the column, whose values have all been counted."""
        if self._sample.empty or not self._have_digits():
            return
        if advice := _advice(self._sample, samples=report.samples):
            report.note(f"{where}: column {name!r}: {advice}")
        elif self._mostly_numbers() and self._odd:
            shown = such_as(list(self._shown)[:_SHOWN], samples=report.samples)
            report.note(
                f"{where}: column {name!r} is text because of {self._odd:,} of its {self._known:,} "
                f"values{shown}; the others are numbers: correct them, or give load_args: "
                "{na_values: […]}"
            )


def _advice(sample: pd.Series, *, samples: bool) -> str:
    """Return what to write for numbers with separators or signs; empty for other texts."""
    plain = sample.str.fullmatch(r"\s*[+-]?\d{1,3}(?:\.\d+)?\s*")
    if (sample.str.fullmatch(_THOUSANDS) | plain).mean() >= _MOSTLY and sample.str.contains(",").any():
        sure = sample.str.contains(_GROUPS).any()
        other = "" if sure or plain.any() else " or {decimal: ','}, whichever is right"
        return f"numbers with commas are read as text: give load_args: {{thousands: ','}}{other}"
    if sample.str.fullmatch(_COMMA).mean() >= _MOSTLY:
        return "numbers with a comma as decimal mark are read as text: give load_args: {decimal: ','}"
    if sample.str.fullmatch(_POINTS).mean() >= _MOSTLY:
        return "numbers with points are read as text: give load_args: {thousands: '.', decimal: ','}"
    if sample.str.fullmatch(_MARKED).mean() >= _MOSTLY:
        shown = such_as(sample.iloc[:1], samples=samples, after=",")
        return f"numbers with a sign{shown} are read as text: write them without it"
    return ""


def note_lines(
    values: pd.Series, name: str, columns: int, separator: str, where: str, report: ReadReport
) -> None:
    """Report a cell that seems to hold rows of the file, as after a quote that is not closed."""
    found = LinesInText(columns, separator)
    found.add(values)
    found.report(name, where, report)


class LinesInText:
    """What ``note_lines`` reports, found out batch by batch."""

    def __init__(self, columns: int, separator: str, rows: int = 0) -> None:
        self._columns, self._separator = columns, separator
        self._rows = rows
        self._looks = self._first = self._lines = 0

    def skip(self, rows: int) -> None:
        """Count rows in which the column has no text."""
        self._rows += rows

    def add(self, values: pd.Series) -> None:
        """Count the next values."""
        if self._columns >= 2:
            texts = values.reset_index(drop=True)
            long = texts[texts.str.contains("\n", regex=False).fillna(False).astype(bool)]
            lines = long.str.count("\n")
            looks = long[long.str.count(f"[{self._separator}]") == lines * (self._columns - 1)]
            if len(looks) and not self._looks:
                self._first, self._lines = self._rows + int(looks.index[0]), int(lines[looks.index[0]])
            self._looks += len(looks)
        self._rows += len(values)

    def report(self, name: str, where: str, report: ReadReport) -> None:
        """Report the column, whose values have all been counted."""
        if self._looks:
            report.note(
                f"{where}: column {name!r} has {self._looks:,} cells that look like rows of the file, the "
                f"first of {self._lines + 1:,} lines in row {self._first + 1:,}: is a quote not closed "
                "there? Correct it, or give load_args: {quoting: 3} for a file in which quotes are plain "
                "characters"
            )
