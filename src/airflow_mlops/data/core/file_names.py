"""Which names in a folder belong to its data, and what the names of folders say about the rows below."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote

COMPRESSION: Final[Mapping[str, str]] = {
    ".gz": "gzip", ".gzip": "gzip", ".zip": "zip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd",
}  # fmt: skip
"""Endings of compressed files, each with pandas' name for what unpacks it."""
_ARCHIVES: Final = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_LEFTOVERS: Final = (".bak", ".crc", ".tmp", ".temp", ".old", ".orig", ".swp", ".part", ".partial", "~")
_NO_VALUE: Final = "__HIVE_DEFAULT_PARTITION__"
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}")
_TABLE_FORMATS: Final = {
    "_delta_log": "Delta Lake",
    ".hoodie": "Apache Hudi",
}
PATTERN: Final = re.compile(r"[*?\[]")
"""The characters that make a path a pattern."""


def unpacked(name: str) -> tuple[str, str | None]:
    """Return a name without the ending of its compression, in lower case, and that compression.

    >>> unpacked("rows.JSONL.gz"), unpacked("rows.csv")
    (('rows.jsonl', 'gzip'), ('rows.csv', None))
    """
    low = name.rpartition("/")[2].lower()
    for ending, kind in COMPRESSION.items():
        if low.endswith(ending):
            return low.removesuffix(ending), kind
    return low, None


def is_archive(name: str) -> bool:
    """Whether a name is that of an archive of several files, which no reader opens."""
    return name.lower().endswith(_ARCHIVES)


def is_ignored(name: str) -> bool:
    """Whether a file or folder is never data: hidden, or ``_``-prefixed and not a partition.

    >>> [is_ignored(name) for name in ("_SUCCESS", ".rows.csv.crc", "~$rows.xlsx", "_day=1", "rows.csv")]
    [True, True, True, False, False]
    """
    return name.startswith((".", "~$")) or (name.startswith("_") and "=" not in name)


def is_leftover(name: str) -> bool:
    """Whether a name is one that programs and people give to copies and unfinished files."""
    return name.lower().endswith(_LEFTOVERS)


def is_typed(name: str, suffixes: Sequence[str]) -> bool:
    """Whether a name, compressed or not, has one of the endings of a type."""
    return unpacked(name)[0].endswith(tuple(suffixes))


def table_format(names: Iterable[str]) -> str | None:
    """Return the table format that the names in a folder show, whose files alone are not the table.

    >>> table_format(["part-0.parquet", "_delta_log"]), table_format(["part-0.parquet"])
    ('Delta Lake', None)
    """
    names = set(names)
    found = next((label for name, label in _TABLE_FORMATS.items() if name in names), None)
    iceberg = any(name.endswith(".metadata.json") for name in names)
    return found or ("Apache Iceberg" if iceberg else None)


def partition_values(folders: str) -> dict[str, str | None]:
    """Return the columns that the names of folders hold, as Hive writes them.

    >>> partition_values("day=2025-01-01/shop=a%2Fb/")
    {'day': '2025-01-01', 'shop': 'a/b'}
    """
    found: dict[str, str | None] = {}
    for part in folders.split("/"):
        name, equals, value = part.partition("=")
        if equals and name:
            found[unquote(name)] = None if value == _NO_VALUE else unquote(value)
    return found


def all_whole(values: Iterable[str | None]) -> bool:
    """Whether every value of a partition column is a whole number, so that the column is one.

    Values that would become one number, as codes with leading zeros, are text.

    >>> all_whole(["01", "12"]), all_whole(["0123", "123"])
    (True, False)
    """
    known = {value for value in values if value is not None}
    return all(map(_WHOLE.fullmatch, known)) and len(set(map(int, known))) == len(known)
