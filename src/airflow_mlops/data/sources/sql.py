"""Databases: the rows of one query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_mlops.data.sources.base import ReadRequest, Source

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlops.config import models


class SqlSource(Source):
    """Rows of one query, which may use the window as ``:window_start`` and ``:window_end``."""

    name = "sql"
    help = "query of a database"
    needs = ("sql", "conn_id")
    connection = "database"
    windowed = True

    def where(self, source: models.Source) -> str:
        """Return ``the query on`` and the connection."""
        return f"the query on {source.conn_id}"

    def read(self, request: ReadRequest) -> pd.DataFrame:
        """Return the rows of the query, read in a transaction that writes nothing."""
        from airflow_mlops.data.sources.query_reading import read_query

        return read_query(request)
