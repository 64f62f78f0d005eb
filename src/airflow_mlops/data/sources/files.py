"""Files on any storage: Parquet, CSV and JSON, one file or a folder of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_mlops.data.sources.base import ReadRequest, Source

if TYPE_CHECKING:
    import pandas as pd


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
