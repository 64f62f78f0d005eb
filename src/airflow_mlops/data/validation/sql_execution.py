"""Great Expectations' SQL engine on one open connection: nothing is created, committed or reflected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from great_expectations.core.batch import Batch
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.validator.validator import Validator
from sqlalchemy.exc import SQLAlchemyError

from airflow_mlops.data.validation import great_expectations as gx
from airflow_mlops.data.validation.outcome import EXAMPLES


class _NamedColumns:
    """What Great Expectations asks an inspector of SQLAlchemy: the columns; the rows are no table."""

    def __init__(self, dialect: sa.Dialect, types: Mapping[str, Any]) -> None:
        self.dialect = dialect
        self._types = types

    def get_columns(self, table_name: str, schema: str | None = None) -> list[dict[str, Any]]:  # noqa: ARG002
        """Return the columns with their types."""
        return [{"name": name, "type": kind} for name, kind in self._types.items()]

    def get_pk_constraint(self, table_name: str, schema: str | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Return that there is no key."""
        return {}


class _OneConnection(SqlAlchemyExecutionEngine):  # type: ignore[misc]  # Great Expectations has no types
    """Asks everything on a connection that is open, and keeps the first error that the database raises."""

    def __init__(self, connection: sa.Connection, types: Mapping[str, Any]) -> None:
        super().__init__(engine=connection.engine, create_temp_table=False)
        self._open = connection
        self._types = types
        self.fault: SQLAlchemyError | None = None

    @contextmanager
    def get_connection(self) -> Iterator[sa.Connection]:
        """Yield the connection, which stays open."""
        yield self._open

    def execute_query(self, query: Any) -> Any:
        """Ask one query; after an error nothing more is asked."""
        if self.fault is not None:
            raise self.fault
        try:
            return self._open.execute(query)
        except SQLAlchemyError as error:
            self.fault = error
            raise

    def execute_query_in_transaction(self, query: Any) -> Any:
        """Ask one query: there is one transaction, which is never committed."""
        return self.execute_query(query)

    def get_inspector(self) -> _NamedColumns:
        """Return who names the columns."""
        return _NamedColumns(self._open.dialect, self._types)


def check_rows(
    connection: sa.Connection,
    rows: sa.Select[Any],
    types: Mapping[str, Any],
    natives: Sequence[Any],
    *,
    samples: bool,
) -> Mapping[int, Any]:
    """Return Great Expectations' own results on some rows, by the numbers of their expectations.

    :param rows: a query of the rows.
    :param types: its columns with their types of SQLAlchemy.
    :param natives: Great Expectations' own objects.
    :param samples: whether cells that break an expectation are fetched, at most 20 for each.

    Raises SQLAlchemyError for whatever the database refuses.
    """
    engine = _OneConnection(connection, types)
    data = SqlAlchemyBatchData(execution_engine=engine, selectable=rows, create_temp_table=False)
    validator = Validator(
        execution_engine=engine, batches=[Batch(data=data)], data_context=gx.in_memory_context()
    )
    form = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": EXAMPLES if samples else 0,
        "return_unexpected_index_query": False,
    }
    results = validator.graph_validate(
        [native.configuration for native in natives], runtime_configuration={"result_format": form}
    )
    if engine.fault is not None:
        raise engine.fault
    return {result.expectation_config.meta[gx.ITEM]: result for result in results}
