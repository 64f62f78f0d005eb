"""What `validate.engine: database` can answer: which pipelines, and which expectations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from airflow_mlops.config.expectations import TYPE, Expectation

if TYPE_CHECKING:
    from airflow_mlops.config.faults import KeyPath
    from airflow_mlops.config.models import Data, Validate

DATABASE: Final = "database"
"""The value of ``validate.engine``."""
OTHERS: Final = "use engine great_expectations or duckdb"
"""The next step where the database cannot answer: engines that check the rows that ingest has stored."""

OF_COLUMNS: Final = frozenset({
    "expect_column_to_exist", "expect_table_column_count_to_be_between", "expect_table_column_count_to_equal",
    "expect_table_columns_to_match_ordered_list", "expect_table_columns_to_match_set",
})  # fmt: skip
"""Expectations that the names of the columns answer."""
OF_COUNT: Final = frozenset({"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"})
OF_GAPS: Final = frozenset({
    "expect_column_values_to_not_be_null", "expect_column_values_to_be_null",
    "expect_column_proportion_of_non_null_values_to_be_between",
})  # fmt: skip
OF_RANGE: Final = frozenset({
    "expect_column_values_to_be_between", "expect_column_max_to_be_between",
    "expect_column_min_to_be_between",
})  # fmt: skip
OF_SUM: Final = frozenset({"expect_column_mean_to_be_between", "expect_column_sum_to_be_between"})
OF_SET: Final = frozenset({"expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set"})
OF_COPIES: Final = frozenset({
    "expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique",
    "expect_column_unique_value_count_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
})  # fmt: skip
OF_REGEX: Final = frozenset({
    "expect_column_values_to_match_regex", "expect_column_values_to_not_match_regex",
})  # fmt: skip
OF_LENGTH: Final = frozenset({
    "expect_column_value_lengths_to_be_between", "expect_column_value_lengths_to_equal",
})  # fmt: skip
ANSWERED: Final = frozenset({
    TYPE, *OF_COLUMNS, *OF_COUNT, *OF_GAPS, *OF_RANGE, *OF_SUM, *OF_SET, *OF_COPIES, *OF_REGEX, *OF_LENGTH,
})  # fmt: skip
"""Expectations that the database answers as Great Expectations does on the rows."""
_CONDITIONS: Final = ("row_condition", "condition_parser", "ignore_row_if")


def unfit(data: Data, section: Validate) -> Iterator[tuple[KeyPath, str]]:
    """Yield why a pipeline's rows cannot be validated in the database, each with the key to change.

    A verdict is about the rows that a training learns from. What changes them after the query, such as a
    join, the database does not see.
    """
    if section.engine != DATABASE:
        return
    if data.source.type != "sql":
        message = f"engine database needs a source of type sql, got {data.source.type}: {OTHERS}"
        yield ("validate", "engine"), message
        return
    if section.on_failure == "quarantine":
        message = f"engine database does not know which rows quarantine takes out: {OTHERS}"
        yield ("validate", "on_failure"), f"{message}, or on_failure fail"
    if data.join:
        message = "validate.engine database does not see the columns of data.join: join them in the query"
        yield ("data", "join"), f"{message}, or {OTHERS}"
    if data.time and data.time.max_quarantine:
        message = (
            "validate.engine database judges the rows that max_quarantine takes out: leave them out in the "
            f"query and remove this key, or {OTHERS}"
        )
        yield ("data", "time", "max_quarantine"), message
    for name in data.source.load_args:
        if name != "params":
            message = (
                f"validate.engine database does not see what {name} makes of a column: convert it in the"
            )
            yield ("data", "source", "load_args", name), f"{message} query, or {OTHERS}"


def unanswered(item: Expectation) -> str | None:
    """Return why the database cannot answer an expectation, whatever its columns are, or None.

    >>> unanswered(Expectation("expect_column_median_to_be_between", {"column": "age"}))[:64]
    'expect_column_median_to_be_between is not supported by engine da'
    """
    if item.is_own:
        return f"{item.name} is not supported by engine database, which runs no class of your own: {OTHERS}"
    if item.name not in ANSWERED:
        return f"{item.name} is not supported by engine database: {OTHERS}"
    for name in _CONDITIONS:
        if item.arguments.get(name):
            return f"{item.name} with {name} is not supported by engine database: {OTHERS}"
    return None
