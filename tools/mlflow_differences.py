"""Where the model server differs from ``mlflow models serve`` on purpose, for its page and the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Difference:
    """One difference: what a request has, what MLflow makes of it, what is done here, and why."""

    request: str
    mlflow: str
    here: str
    why: str


_ROUNDED = "the model would see another value than the caller sent"
DIFFERENCES: Final = {
    "cut off": Difference(
        "`3.5` for a whole number, in columns or tensors",
        "cuts it off to `3`",
        "400",
        _ROUNDED,
    ),
    "large float": Difference(
        "a whole number of 2^53 or more that is written as a float, such as `9007199254740993.0`",
        "takes the nearest double",
        "400",
        _ROUNDED,
    ),
    "text as number": Difference(
        'text for a number, such as `"1.5"`, or a number for a text',
        "converts some, passes on others",
        "400",
        "a client that mixes up types is seen before its predictions are used",
    ),
    "flag": Difference(
        '`1` or `"no"` for a boolean',
        'takes every text for true, `"no"` as well',
        "400",
        _ROUNDED,
    ),
    "flag gap": Difference(
        "null for a boolean",
        "takes it for false",
        "null where the column had gaps in training, else 400",
        _ROUNDED,
    ),
    "date as number": Difference(
        "a number for a time",
        "takes it for nanoseconds since 1970",
        "400",
        "pandas writes milliseconds: the model would see a day in January 1970",
    ),
    "ambiguous date": Difference(
        "a time that is not in ISO 8601, such as `02/03/2024`",
        "guesses day and month",
        "400",
        _ROUNDED,
    ),
    "month": Difference(
        "a time without a day, such as `2024-03`",
        "takes the first day",
        "400",
        _ROUNDED,
    ),
    "text as gap": Difference(
        '`""` or `"NaT"` for a time in JSON',
        "takes it for a gap",
        "400",
        "JSON has null for it",
    ),
    "zone": Difference(
        "a time with a zone, such as `…Z` or `…+02:00`",
        "400",
        "the same moment in UTC, as trainings read it",
        "JavaScript writes every time in this form",
    ),
    "mixed dates": Difference(
        "times of several ISO forms in one column",
        "400",
        "reads each",
        "the forms do not contradict each other",
    ),
    "ragged": Difference(
        "rows of different length",
        "fills up with null when the first row is whole",
        "400",
        "a lost value would move all that follow",
    ),
    "broadcast": Difference(
        "an `index` with more labels than there are rows",
        "repeats the row",
        "400",
        "nobody sent these rows",
    ),
    "empty": Difference(
        "no rows",
        "calls the model with no rows, which most cannot take",
        "400",
        "there is nothing to predict",
    ),
    "params": Difference(
        "`params` that the model does not declare",
        "ignores them, answers with the defaults",
        "400",
        "a misspelled name would change the predictions without a word",
    ),
    "whole in arrays": Difference(
        "whole numbers for doubles inside of arrays and objects, `2.0` for whole numbers there",
        "400",
        "takes them",
        "JSON does not tell `1` from `1.0`",
    ),
    "unnamed inputs": Difference(
        "`inputs` for a signature of several columns without names",
        "converts all columns to the first one's type",
        "each column has its own type",
        "a table of rows says all that is needed",
    ),
    "records for tensors": Difference(
        "`inputs` as a list of objects for tensors with names",
        "400",
        "takes them as `instances` does",
        "both formats say the same",
    ),
    "csv dates": Difference(
        "a column of times in CSV",
        "400",
        "reads them",
        "they are read as in JSON",
    ),
    "csv tensors": Difference(
        "CSV for a model of tensors",
        "400",
        "reads it as a table",
        "it is read as `dataframe_split` is",
    ),
    "csv gaps": Difference(
        "an empty cell of a column that had gaps in training",
        "400 for whole numbers and booleans",
        "null",
        "the model was trained with such rows",
    ),
    "csv ragged": Difference(
        "a CSV row with more or fewer cells than the header",
        "fills it up, or takes the first cell for an index",
        "400",
        "every value would be in the wrong column",
    ),
    "bytes": Difference(
        "bytes in an answer",
        "base64 with line breaks (`YWI=\\n`)",
        "base64 without them",
        "a JSON value holds no line that could become too long",
    ),
    "nan": Difference(
        "NaN or infinity in an answer",
        "writes `NaN`, which is not JSON",
        "null",
        "parsers of other languages stop at it",
    ),
    "sparse records": Difference(
        "records with thousands of different names, most of them missing in each",
        "makes a table of all names, however large",
        "400 above 500,000 cells of which fewer than a quarter are there",
        "a body of 100 kB would fill gigabytes",
    ),
    "out of range": Difference(
        "a number outside of its type's range",
        "passes it on, or makes infinity of it",
        "400",
        _ROUNDED,
    ),
    "parquet": Difference(
        "a body in Parquet",
        "reads it",
        "415",
        "a small file can unpack to many gigabytes",
    ),
    "llm": Difference(
        "the chat and completion format (`messages`, `prompt`, `input`)",
        "passes the object to the model",
        "400",
        "their answers are not rows that a canary could be judged by",
    ),
    "no type": Difference(
        "no `Content-Type`",
        "500",
        "reads the body as JSON",
        "nothing else would come without saying so",
    ),
    "compressed": Difference(
        "`Content-Encoding: gzip` or `deflate`",
        "400, as it does not decompress",
        "reads it",
        "within the same limit of size",
    ),
}
_HEAD: Final = """# Differences from mlflow models serve

The model server takes what MLflow's scoring server takes, and answers it alike; `python -m tools.docs` writes
this page; `tests/unit/serving/test_mlflow_parity.py` sends more than a hundred requests to both
servers and asserts that the answers are equal, and that they differ only as in this table.

| request | MLflow | here | why |
|---|---|---|---|
"""


def differences_page() -> str:
    """Return the page of differences."""
    rows = (f"| {d.request} | {d.mlflow} | {d.here} | {d.why} |" for d in DIFFERENCES.values())
    return _HEAD + "\n".join(rows) + _TAIL


_TAIL: Final = """

Beside the requests: every path but `/ping` and the health checks asks for a token, as a header
`Authorization: Bearer TOKEN`, in the address (`http://user:TOKEN@host`) or in `.netrc`. An error is
`{"error": "a sentence"}` instead of `error_code` and `message`. A prediction that takes longer than
`--timeout` is 504.
"""
