"""DuckDB: the common expectations on a stored dataset, in one query that reads only the columns it needs."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from airflow_mlops.config.expectations import TYPE, Expectation
from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.validation.columns import OTHER, Columns
from airflow_mlops.data.validation.outcome import EXAMPLES, Outcome
from airflow_mlops.data.validation.sql_checks import ROWS, SUBQUERY, Check, Figures, compile_check
from airflow_mlops.data.validation.sql_columns import SqlColumn, quoted, sql_columns
from airflow_mlops.data.validation.types import check_type
from airflow_mlops.storage.locations import Location

_LOG = logging.getLogger(__name__)
_MEMORY: Final = "192MB"
"""What DuckDB may use, however many rows there are; more was not faster at five million."""
_THREADS: Final = 4
"""Each thread needs memory of its own."""
_GLOB: Final = frozenset("*?[{")
_OBJECT: Final = "object"
_UNSAID: Final = (_OBJECT, "category")
"""Types in pandas that do not say what the cells are."""


def evaluate_stored(
    dataset: DatasetRef, place: Location, items: Mapping[int, Expectation], *, samples: bool = True
) -> dict[int, Outcome]:
    """Return the outcomes of those expectations that DuckDB decides as Great Expectations does, by number.

    Those that are not returned are for Great Expectations. The rows are those of the Parquet file at
    ``place``. Raises ConfigError when DuckDB is not installed, BackendError when the file cannot be read.
    """
    try:
        import duckdb
    except ImportError as error:
        raise ConfigError(
            "validate.engine: duckdb is not installed: pip install 'airflow-mlops[duckdb]'"
        ) from error
    with tempfile.TemporaryDirectory() as spill, duckdb.connect(config=_settings(spill)) as connection:
        try:
            _open(connection, place)
            columns = _columns(connection, dataset)
            found = _types(dataset, items, columns)
            checks = {
                number: check
                for number, item in items.items()
                if number not in found and (check := compile_check(item, columns)) is not None
            }
            return found | (_checked(connection, dataset, checks, samples) if checks else {})
        except duckdb.IOException as error:
            first = str(error).splitlines()[0]
            raise BackendError(
                f"cannot read {place.uri}: {first}; run the task that wrote it again"
            ) from error
        except duckdb.Error as error:
            _LOG.warning("Great Expectations checks all: DuckDB raised %s", type(error).__name__)
            return {}  # whatever DuckDB does not do, Great Expectations does or says why it cannot


def _settings(spill: str) -> dict[str, Any]:
    """Return settings that load nothing from elsewhere, and put what needs more memory into a folder."""
    return {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": _MEMORY,
        "threads": min(_THREADS, os.cpu_count() or 1),
        "temp_directory": spill,
    }


def _open(connection: Any, place: Location) -> None:
    local = "file" in (place.fs.protocol if isinstance(place.fs.protocol, tuple) else (place.fs.protocol,))
    if local and not _GLOB & set(place.path):
        path = place.path.replace("'", "''")
        view = f"CREATE VIEW {ROWS} AS SELECT * FROM read_parquet('{path}')"  # noqa: S608 - quotes are doubled
        connection.execute(view)
        return
    import pyarrow.dataset as pads

    connection.register(ROWS, pads.dataset(place.path, filesystem=place.fs, format="parquet"))


def _columns(connection: Any, dataset: DatasetRef) -> dict[str, SqlColumn]:
    described = {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE {ROWS}").fetchall()}
    if len({name.casefold() for name in dataset.columns}) < len(dataset.columns):
        return {}  # names of SQL do not differ by case alone
    return sql_columns(described, dataset.columns)


def _types(
    dataset: DatasetRef, items: Mapping[int, Expectation], columns: Mapping[str, SqlColumn]
) -> dict[int, Outcome]:
    """Return the outcomes of expectations on types, which the dataset's record answers."""
    found = {}
    for number, item in items.items():
        name = str(item.arguments.get("column"))
        dtype = dataset.columns.get(name, _OBJECT)
        if item.name == TYPE and name in columns and dtype not in _UNSAID:
            empty = pd.DataFrame({name: pd.Series([], dtype=dtype)})
            found[number] = check_type(Columns(empty), item)
    return found


def _checked(
    connection: Any, dataset: DatasetRef, checks: Mapping[int, Check], samples: bool
) -> dict[int, Outcome]:
    selected = dict.fromkeys(text for check in checks.values() for text in check.selected)
    names = {text: f"figure_{number}" for number, text in enumerate(selected)}
    # A sub-query beside the aggregates would make DuckDB keep all rows until it is answered.
    inner = [f"{text} AS {name}" for text, name in names.items() if not text.startswith(SUBQUERY)]
    outer = [text if text.startswith(SUBQUERY) else name for text, name in names.items()]
    aggregates = f"SELECT {', '.join(['count(*) AS row_count', *inner])} FROM {ROWS}"  # noqa: S608 - quoted
    query = f"SELECT {', '.join(['row_count', *outer])} FROM ({aggregates})"  # noqa: S608 - quoted
    values = connection.execute(query).fetchall()[0]
    rows, figures = int(values[0]), dict(zip(names, values[1:], strict=True))
    found = {}
    for number, check in checks.items():
        own = Figures([figures[text] for text in check.selected], rows, samples=samples)
        outcome = check.finish(own)
        if outcome is not None and outcome.failure is not None and samples and check.column:
            outcome = check.finish(replace(own, cells=_cells(connection, dataset, check)))
        if outcome is not None:
            found[number] = outcome
    return found


def _cells(connection: Any, dataset: DatasetRef, check: Check) -> Sequence[Any]:
    """Return the first cells that break an expectation, as pandas has them."""
    column = check.column
    if column is None or column.kind == OTHER:
        return ()
    name = quoted(column.name)
    query = f"SELECT {name} FROM {ROWS} WHERE {check.bad} LIMIT {EXAMPLES}"  # noqa: S608 - names are quoted
    cells = connection.sql(query).to_arrow_table().to_pandas().iloc[:, 0]
    dtype = dataset.columns[column.name]
    return list(cells.astype(dtype) if isinstance(cells.dtype, pd.DatetimeTZDtype) else cells)
