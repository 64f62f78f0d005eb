"""Bodies in CSV: a header and rows of as many cells."""

from __future__ import annotations

import csv
import io
from typing import Final

from airflow_mlops.serving.payload import BadInputError, Payload, Table

CSV: Final = "text/csv"
GAPS: Final = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
})  # fmt: skip
"""The cells that pandas reads as missing."""


def read_csv(body: bytes) -> Payload:
    """Read a CSV body, as ``DataFrame.to_csv(index=False)`` writes it; raises BadInputError with the line.

    >>> read_csv(b"age,plan\\n30,basic\\n,\\n").columns
    {'age': ['30', None], 'plan': ['basic', None]}
    """
    try:
        text = body.decode("utf-8-sig")
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        filled = [(number, cells) for number, cells in enumerate(lines, 1) if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(f"the body is not CSV in UTF-8: {error}") from error
    if len(filled) < 2:
        raise BadInputError("the body must have a line of column names and at least one row")
    names = filled[0][1]
    for number, cells in filled[1:]:
        if len(cells) != len(names):
            raise BadInputError(
                f"CSV row {number} has {len(cells)} cells, expected {len(names)} as in the header"
            )
    rows = [[None if cell in GAPS else cell for cell in cells] for _, cells in filled[1:]]
    return Payload(len(rows), table=Table(names, rows), sent=(CSV, text))
