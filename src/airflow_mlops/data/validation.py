"""Expectations of a pipeline file, checked by Great Expectations on the columns that they need."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.config.expectations import COLUMN_ARGUMENTS, TYPE, Expectation, expand
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Failure
from airflow_mlops.core.suggestions import did_you_mean

__all__ = ["Broken", "Expectation", "check", "expand", "find"]

_GAPS: Final = {"None", "nan", "NaT", "<NA>"}
_FAMILIES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "int": pd.api.types.is_integer_dtype,
    "float": pd.api.types.is_float_dtype,
    "number": lambda values: pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values),
    "str": pd.api.types.is_string_dtype,
    "bool": pd.api.types.is_bool_dtype,
    "datetime": pd.api.types.is_datetime64_any_dtype,
}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Great Expectations logs a line per registered function at import, and more per validation."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@dataclass(frozen=True, eq=False)
class Broken:
    """A failed expectation, and the positions of the rows that break it where they were asked for."""

    failure: Failure
    rows: np.ndarray[Any, Any] | None = None


def check(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> tuple[Failure, ...]:
    """Return the expectations that ``frame`` does not meet; raises what ``find`` raises."""
    return tuple(item.failure for item in find(frame, expectations))


@_quiet()
def find(frame: pd.DataFrame, expectations: Sequence[Expectation], *, most: int = 0) -> tuple[Broken, ...]:
    """Return the expectations that ``frame`` does not meet, with rows for those that few rows break.

    :param most: positions are returned for expectations that at most this many rows break; 0 for none.

    A column that does not exist is a failure of its own. Raises ConfigError when Great Expectations does
    not know an expectation or an argument, or cannot evaluate it.
    """
    built = [None if item.name == TYPE else _build(item) for item in expectations]
    names = [str(name) for name in frame.columns]
    whole: list[Failure | None] = []
    ready: list[Any] = []
    for item, native in zip(expectations, built, strict=True):
        absent = [column for column in item.columns if column not in names]
        if absent and item.name != "expect_column_to_exist":
            hint = did_you_mean(absent[0], names)
            whole.append(Failure(item.name, absent[0], f"the data has no column {absent[0]!r}{hint}"))
        elif native is None:
            whole.append(_type_failure(frame, item))
        else:
            ready.append(native)
    found = [Broken(failure) for failure in whole if failure is not None]
    if ready:
        found.extend(_validate(_needed(frame, expectations), ready, most))
    return tuple(found)


def _type_failure(frame: pd.DataFrame, item: Expectation) -> Failure | None:
    """Compare a column's type with a family such as ``int``, or with one pandas type by its exact name.

    Not left to Great Expectations: version 1.24 does not recognise the text and time types of pandas 3.
    """
    column, wanted = str(item.arguments["column"]), str(item.arguments["type"])
    family = _FAMILIES.get(wanted)
    if family is None:
        try:
            exact = pd.api.types.pandas_dtype(wanted)
        except TypeError as error:
            hint = did_you_mean(wanted, _FAMILIES)
            known = ", ".join(_FAMILIES)
            raise ConfigError(f"validate.expect: unknown type {wanted!r}{hint}; known: {known}") from error
        fits = frame[column].dtype == exact
    else:
        fits = family(frame[column])
    return None if fits else Failure("type", column, f"observed {frame[column].dtype} (expected {wanted})")


def _build(item: Expectation) -> Any:
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    known = list_registered_expectation_implementations()
    if item.name not in known:
        raise ConfigError(
            f"validate.expect: unknown expectation {item.name!r}{did_you_mean(item.name, known)}"
        )
    implementation = get_expectation_impl(item.name)
    fields = [str(name) for name in implementation.__fields__]
    for key in item.arguments:
        if key not in fields:
            raise ConfigError(
                f"validate.expect: {item.name} has no argument {key!r}{did_you_mean(key, fields)}"
            )
    try:
        return implementation(**item.arguments)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"validate.expect: {item.name}: {_validation_message(error)}") from error


def _validation_message(error: Exception) -> str:
    faults = error.errors() if hasattr(error, "errors") else ()
    parts = [
        f"{'.'.join(str(at) for at in fault['loc'] if at != '__root__')} {fault['msg']}".strip()
        for fault in faults
    ]
    return "; ".join(parts) or str(error)


def _needed(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> pd.DataFrame:
    """Keep the columns that expectations name; table expectations and row conditions need all of them."""
    if any(not item.columns or "row_condition" in item.arguments for item in expectations):
        return frame
    wanted = {column for item in expectations for column in item.columns}
    return frame[[name for name in frame.columns if name in wanted]]


def _validate(frame: pd.DataFrame, natives: Sequence[Any], most: int) -> list[Broken]:
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    numbered = frame.reset_index(drop=True)
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": numbered})
    found = []
    for native in natives:
        failure = _failure(batch.validate(native, result_format="SUMMARY"))
        if failure is not None:
            found.append(
                Broken(failure, _rows(batch, native, failure) if 0 < (failure.rows or 0) <= most else None)
            )
    return found


def _failure(result: Any) -> Failure | None:
    config = result.expectation_config
    raised = _exception(result.exception_info)
    if raised is not None:
        raise ConfigError(f"validate.expect: Great Expectations cannot evaluate {config.type}: {raised}")
    if result.success:
        return None
    columns = Expectation(config.type, config.kwargs).columns
    rows = int(result.result["unexpected_count"]) if _by_row(result.result) else None
    return Failure(config.type, ", ".join(columns) or None, _observed(result.result, config.kwargs), rows)


def _by_row(result: Mapping[str, Any]) -> bool:
    """Whether a result counts rows; some expectations on a whole column count distinct values."""
    return {"element_count", "unexpected_count"} <= result.keys()


def _rows(batch: Any, native: Any, failure: Failure) -> np.ndarray[Any, Any] | None:
    """Return the positions of the rows that break an expectation, from a second validation without values."""
    named = {"result_format": "COMPLETE", "partial_unexpected_count": 0, "exclude_unexpected_values": True}
    positions = batch.validate(native, result_format=named).result.get("unexpected_index_list")
    if positions is None or len(positions) != failure.rows:
        return None
    return np.asarray(positions, dtype=np.int64)


def _exception(info: Mapping[str, Any] | None) -> str | None:
    """Find the message in either of the two shapes that Great Expectations uses."""
    if not info:
        return None
    parts = [info] if "raised_exception" in info else list(info.values())
    for part in parts:
        if isinstance(part, Mapping) and part.get("raised_exception"):
            return str(part.get("exception_message")).strip().splitlines()[0]
    return None


def _observed(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    if _by_row(result):
        examples = list(dict.fromkeys(str(value) for value in result.get("partial_unexpected_list") or ()))[
            :3
        ]
        shown = f", e.g. {', '.join(examples)}" if set(examples) - _GAPS else ""
        text = f"{result['unexpected_count']:,} of {result['element_count']:,} rows{shown}"
    elif result.get("observed_value") is not None:
        text = f"observed {_plain(result['observed_value'])}"
    else:
        text = "not met"
    skipped = (*COLUMN_ARGUMENTS, "batch_id")
    limits = ", ".join(
        f"{key}={_plain(value)}"
        for key, value in arguments.items()
        if key not in skipped and value is not None
    )
    return f"{text} (expected {limits})" if limits else text


def _plain(value: Any) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
