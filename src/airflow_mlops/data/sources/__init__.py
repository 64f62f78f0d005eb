"""Sources of rows by the ``type`` that a pipeline file names. A new one is a class and a line here.

Nothing is imported but the table: every DAG file that is parsed reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_mlops.core.class_table import ClassTable
from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_mlops.data.sources.base import Source

_PACKAGE: Final = "airflow_mlops.data.sources"
SOURCES: Final[ClassTable[Source]] = ClassTable(
    "source type",
    {
        "parquet": f"{_PACKAGE}.files:ParquetSource",
        "csv": f"{_PACKAGE}.files:CsvSource",
        "json": f"{_PACKAGE}.files:JsonSource",
        "excel": f"{_PACKAGE}.files:ExcelSource",
        "sql": f"{_PACKAGE}.sql:SqlSource",
        "callable": f"{_PACKAGE}.callable:CallableSource",
    },
)


def names() -> tuple[str, ...]:
    """Return the types that this package has."""
    return SOURCES.names()


def facts(kind: str) -> type[Source]:
    """Return the class of one of this package's sources, which carries what is known about it."""
    return SOURCES.load(kind)


def source_of(kind: str, base: Path) -> Source:
    """Return the source ``kind``, a name of the table or ``package.module:Class``.

    A module beside the pipeline file counts, whose folder is ``base``. Raises ConfigError for an unknown
    name, and for a class that cannot be imported or is not a Source.
    """
    if kind in SOURCES.paths:
        return SOURCES.load(kind)()
    from airflow_mlops.data.sources.base import Source
    from airflow_mlops.user_code.loading import load_object

    SOURCES.check(kind)
    found = load_object(kind, base)
    if not (isinstance(found, type) and issubclass(found, Source)):
        raise ConfigError(f"the source type {kind!r} must be a subclass of airflow_mlops' Source")
    return found()
