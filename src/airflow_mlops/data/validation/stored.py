"""Expectations on a stored dataset: by DuckDB where it can decide, by Great Expectations otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import pandas as pd

from airflow_mlops.config.expectations import TYPE, Expectation
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.stored_batches import stored_batches
from airflow_mlops.data.validation import Outcome, Terms, by_batches, evaluate
from airflow_mlops.data.validation import great_expectations as gx
from airflow_mlops.data.validation.limits import evaluated
from airflow_mlops.storage.locations import Location

Read = Callable[[Sequence[str] | None], pd.DataFrame]
Engine = Literal["great_expectations", "duckdb"]


def evaluate_dataset(
    dataset: DatasetRef,
    items: Sequence[Expectation],
    terms: Terms,
    *,
    place: Location,
    read: Read,
    engine: Engine = "great_expectations",
) -> tuple[Outcome, ...]:
    """Return what each expectation found, in their order.

    :param place: where the Parquet file of the dataset is.
    :param read: returns the rows with the named columns, or with all for None.

    Raises ConfigError for what Great Expectations does not know or cannot evaluate, and when DuckDB is wanted
    and not installed; BackendError when the file cannot be read.
    """
    wanted = {number: evaluated(item, terms.parameters) for number, item in enumerate(items)}
    found: dict[int, Outcome] = {}
    if engine == "duckdb":
        from airflow_mlops.data.validation.duckdb_engine import evaluate_stored

        found = evaluate_stored(dataset, place, wanted, samples=terms.samples)
        if terms.most:  # only Great Expectations names the rows
            found = {number: outcome for number, outcome in found.items() if outcome.failure is None}
    left = {number: item for number, item in wanted.items() if number not in found}
    if left and dataset.rows > by_batches.MOST_ROWS:
        batches = partial(stored_batches, place, rows=by_batches.MOST_ROWS)
        found |= by_batches.by_batches(dataset, left, terms, batches)
        left = {number: item for number, item in left.items() if number not in found}
    if left:
        frame = read(_needed(dataset, left, terms))
        outcomes = evaluate(frame, list(left.values()), replace(terms, parameters={}))
        found |= dict(zip(left, outcomes, strict=True))
    return tuple(found[number] for number in range(len(items)))


def _needed(dataset: DatasetRef, items: Mapping[int, Expectation], terms: Terms) -> list[str] | None:
    """Return the columns that expectations read, or None where one of them may look at the whole table."""
    names: dict[str, None] = {}
    for item in items.values():
        if item.name != TYPE and not _by_column(item, terms):
            return None
        if not set(item.columns) <= dataset.columns.keys():
            return None
        names |= dict.fromkeys(item.columns)
    return [name for name in dataset.columns if name in names] or None


def _by_column(item: Expectation, terms: Terms) -> bool:
    if not item.columns or item.arguments.get("row_condition") or item.name == "expect_column_to_exist":
        return False
    return str(gx.implementation_of(item, terms.base).__module__).startswith(gx.CORE)
