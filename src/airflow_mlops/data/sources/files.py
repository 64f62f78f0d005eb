"""Files on any storage: Parquet, CSV and JSON, one file or a folder of them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final

from airflow_mlops.data.sources.base import ReadRequest, Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

_LONGEST_LINE: Final = 1_000_000


class FileSource(Source):
    """Rows of files below one path or URI."""

    needs = ("filepath",)
    takes = ("conn_id",)

    def has_landed(self, request: ReadRequest) -> bool:
        """Whether the file is there, or the folder has a file in it."""
        from airflow_mlops.data.sources.file_reading import has_files

        return has_files(request)


class ParquetSource(FileSource):
    """Rows of Parquet files; a folder may be partitioned as Hive does it."""

    name = "parquet"
    help = "Parquet file, or a folder of them"
    suffixes = (".parquet", ".pq")
    columns_argument = "columns"

    def header(self, file: Path, load_args: Mapping[str, Any]) -> list[str] | None:  # noqa: ARG002
        """Return the columns that the footer of the file names."""
        from pyarrow import parquet

        return [str(name) for name in parquet.read_schema(file, memory_map=False).names]

    def read(self, request: ReadRequest) -> pd.DataFrame:
        """Return the rows; the window is applied while reading where the type of the time allows it."""
        from airflow_mlops.data.sources.file_reading import read_files, read_parquet

        return read_files(request, read_parquet)


class CsvSource(FileSource):
    """Rows of CSV files."""

    name = "csv"
    help = "CSV file, or a folder of them"
    suffixes = (".csv", ".tsv")
    columns_argument = "usecols"

    def header(self, file: Path, load_args: Mapping[str, Any]) -> list[str] | None:
        """Return the columns in the first line of the file, unless that is compressed or cut short."""
        separator = load_args.get("sep", load_args.get("delimiter", ","))
        has_separator = isinstance(separator, str) and len(separator) == 1
        if not has_separator or file.suffix.lower() not in (*self.suffixes, ".txt"):
            return None
        with file.open(encoding="utf-8-sig", newline="") as stream:
            line = stream.readline(_LONGEST_LINE)
        found = next(csv.reader([line], delimiter=separator), [])
        return found if line.endswith("\n") and found else None

    def read(self, request: ReadRequest) -> pd.DataFrame:
        """Return the rows of all files, in the order of their names."""
        from airflow_mlops.data.sources.file_reading import read_csv, read_files

        return read_files(request, read_csv)


class JsonSource(FileSource):
    """Rows of JSON files; a name that ends with ``l`` has one object on each line."""

    name = "json"
    help = "JSON file or JSON lines, or a folder of them"
    suffixes = (".json", ".jsonl", ".ndjson")

    def read(self, request: ReadRequest) -> pd.DataFrame:
        """Return the rows of all files, in the order of their names."""
        from airflow_mlops.data.sources.file_reading import read_files, read_json

        return read_files(request, read_json)
