"""Files on any storage: Parquet, CSV, JSON and Excel, one file, a folder, a pattern or a list of them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final

from airflow_mlops.data.sources.base import ReadRequest, Source
from airflow_mlops.data.sources.excel_library import CALAMINE, OPENPYXL, missing_package

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from airflow_mlops.config import models
    from airflow_mlops.data.sources.batches import Batches
    from airflow_mlops.data.sources.listing import Lister

_LONGEST_LINE: Final = 1_000_000
_SAMPLED: Final = 200


class FileSource(Source):
    """Rows of files below paths or URIs."""

    needs = ("filepath",)
    takes = ("conn_id",)

    def has_landed(self, request: ReadRequest) -> bool:
        """Whether the file is there, or the folder has a file in it."""
        from airflow_mlops.data.sources.file_reading import has_files

        return has_files(request)

    def lister(self, request: ReadRequest) -> Lister:
        """Return what lists the files of this type."""
        from airflow_mlops.data.sources.listing import Lister

        return Lister(self.name, self.suffixes, request.report, may_have_no_suffix=self.name == "parquet")


class ParquetSource(FileSource):
    """Rows of Parquet files; a folder may be partitioned as Hive does it."""

    name = "parquet"
    help = "Parquet file, or a folder of them"
    suffixes = (".parquet", ".pq", ".parq")
    columns_argument = "columns"

    def header(self, file: Path, load_args: Mapping[str, Any]) -> list[str] | None:  # noqa: ARG002
        """Return the columns that the footer of the file names."""
        from pyarrow import parquet

        return [str(name) for name in parquet.read_schema(file, memory_map=False).names]

    def sample(self, file: Path, column: str, load_args: Mapping[str, Any]) -> list[Any]:  # noqa: ARG002
        """Return the first values of the file's first rows."""
        from pyarrow import parquet

        with parquet.ParquetFile(file) as stored:
            batch = next(stored.iter_batches(_SAMPLED, columns=[column]), None)
            return [] if batch is None or column not in batch.schema.names else batch.column(0).to_pylist()

    def read(self, request: ReadRequest) -> pd.DataFrame:
        """Return the rows; the window is applied while reading where the type of the time allows it."""
        from airflow_mlops.data.sources.file_reading import read_files
        from airflow_mlops.data.sources.parquet_reading import read_parquet_files

        return read_files(request, self.lister(request), read_parquet_files)

    def batches(self, request: ReadRequest) -> Batches | None:
        """Return the rows of large files in batches, unless something in them is one for all rows."""
        from airflow_mlops.data.sources.file_reading import are_large, files_of
        from airflow_mlops.data.sources.parquet_batches import parquet_batches

        files = files_of(request, self.lister(request))
        return parquet_batches(files, request) if are_large(files, packed=True) else None


class CsvSource(FileSource):
    """Rows of CSV files."""

    name = "csv"
    help = "CSV file, or a folder of them"
    suffixes = (".csv", ".tsv")
    columns_argument = "usecols"

    def header(self, file: Path, load_args: Mapping[str, Any]) -> list[str] | None:
        """Return the columns in the first line of the file, unless that is compressed or cut short."""
        separator = self._separator(file, load_args)
        if separator is None:
            return None
        with file.open(encoding="utf-8-sig", newline="") as stream:
            line = stream.readline(_LONGEST_LINE)
        found = next(csv.reader([line], delimiter=separator), [])
        return found if line.endswith("\n") and found else None

    def sample(self, file: Path, column: str, load_args: Mapping[str, Any]) -> list[Any]:
        """Return the values of the first lines of the file."""
        separator = self._separator(file, load_args)
        if separator is None:
            return []
        with file.open(encoding="utf-8-sig", newline="") as stream:
            lines = (stream.readline(_LONGEST_LINE) for _ in range(_SAMPLED + 1))
            rows = csv.DictReader((line for line in lines if line.endswith("\n")), delimiter=separator)
            return [row[column] for row in rows]

    def _separator(self, file: Path, load_args: Mapping[str, Any]) -> str | None:
        """Return what separates the columns of a plain text file, or None when that is not known."""
        separator = load_args.get("sep", load_args.get("delimiter", ","))
        is_known = isinstance(separator, str) and len(separator) == 1
        return separator if is_known and file.suffix.lower() in (*self.suffixes, ".txt") else None

    def read(self, request: ReadRequest) -> pd.DataFrame:
        """Return the rows of all files, in the order of their names."""
        from airflow_mlops.data.sources.csv_reading import parse_csv
        from airflow_mlops.data.sources.file_reading import read_files
        from airflow_mlops.data.sources.text_reading import read_text_files

        return read_files(
            request, self.lister(request), lambda files, asked: read_text_files(files, asked, parse_csv)
        )

    def batches(self, request: ReadRequest) -> Batches | None:
        """Return the rows of large files in batches, if each argument means the same for a part of one."""
        from airflow_mlops.data.sources.csv_arguments import unfit_argument
        from airflow_mlops.data.sources.csv_batches import scan_csv
        from airflow_mlops.data.sources.file_reading import are_large, files_of
        from airflow_mlops.data.sources.text_reading import text_batches

        files = files_of(request, self.lister(request))
        if unfit_argument(request.source.load_args) or not are_large(files):
            return None
        return text_batches(files, request, scan_csv)


class JsonSource(FileSource):
    """Rows of JSON files; a name ``.jsonl`` or ``.ndjson`` has one object on each line."""

    name = "json"
    help = "JSON file or JSON lines, or a folder of them"
    suffixes = (".json", ".jsonl", ".ndjson")

    def read(self, request: ReadRequest) -> pd.DataFrame:
        """Return the rows of all files, in the order of their names."""
        from airflow_mlops.data.sources.file_reading import read_files
        from airflow_mlops.data.sources.json_reading import parse_json
        from airflow_mlops.data.sources.text_reading import read_text_files

        return read_files(
            request, self.lister(request), lambda files, asked: read_text_files(files, asked, parse_json)
        )


class ExcelSource(FileSource):
    """Rows of one sheet of Excel files."""

    name = "excel"
    help = "sheet of an Excel file, or of a folder of them"
    suffixes = (*OPENPYXL, *CALAMINE)

    def missing_library(self, source: models.Source) -> str:
        """Return the package that reads one of the files, where it is not installed."""
        chosen = source.load_args.get("engine")
        return "" if chosen else next(filter(None, map(missing_package, source.paths)), "")

    def read(self, request: ReadRequest) -> pd.DataFrame:
        """Return the rows of all files, in the order of their names."""
        from airflow_mlops.data.sources.excel_reading import parse_excel
        from airflow_mlops.data.sources.file_reading import read_files
        from airflow_mlops.data.sources.text_reading import read_text_files

        return read_files(
            request, self.lister(request), lambda files, asked: read_text_files(files, asked, parse_excel)
        )
