"""Great Expectations, in memory and quiet: expectations built, and checked on frames."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.config.expectations import Expectation
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.validation.outcome import EXAMPLES, Outcome, counted, cut, observed
from airflow_mlops.user_code.loading import load_object

ITEM: Final = "airflow_mlops_item"
"""The key in the metadata of an expectation that holds its number among those that are checked."""
NOT_ARGUMENTS: Final = ("severity", "meta", "id", "notes", "description", "batch_id")
"""Fields of an expectation that say nothing about what it expects."""
CORE: Final = "great_expectations.expectations.core"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Great Expectations logs a line per registered function at import, and more per validation."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def build(item: Expectation, base: Path, arguments: Mapping[str, Any] | None = None, number: int = 0) -> Any:
    """Return Great Expectations' own object.

    :param base: folder whose modules an own class may be in.
    :param arguments: used in place of those of ``item``.
    :param number: kept in the object's metadata.

    Raises ConfigError for an unknown expectation or argument, or a value that is refused.
    """
    implementation = implementation_of(item, base)
    fields = [str(name) for name in implementation.__fields__]
    for key in item.arguments:
        if key not in fields:
            raise ConfigError(
                f"validate.expect: {item.name} has no argument {key!r}{did_you_mean(key, fields)}"
            )
    values = dict(item.arguments if arguments is None else arguments)
    meta = {**(values.pop("meta", None) or {}), ITEM: number}
    try:
        return implementation(**values, meta=meta)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"validate.expect: {item.name}: {_validation_message(error)}") from error


def implementation_of(item: Expectation, base: Path) -> Any:
    """Return the class of an expectation; raises ConfigError when there is none."""
    import great_expectations.expectations as known_classes  # registers those of the package
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    if item.is_own:
        found = load_object(item.name, base)
        if not (isinstance(found, type) and issubclass(found, known_classes.Expectation)):
            raise ConfigError(
                f"validate.expect: {item.name} must be a subclass of Great Expectations' Expectation"
            )
        return found
    known = list_registered_expectation_implementations()
    if item.name not in known:
        raise ConfigError(
            f"validate.expect: unknown expectation {item.name!r}{did_you_mean(item.name, known)}"
        )
    return get_expectation_impl(item.name)


def _validation_message(error: Exception) -> str:
    faults = error.errors() if hasattr(error, "errors") else ()
    parts = [
        f"{'.'.join(str(at) for at in fault['loc'] if at != '__root__')} {fault['msg']}".strip()
        for fault in faults
    ]
    return "; ".join(parts) or str(error)


def in_memory_context() -> Any:
    """Return a context that exists only in memory, shows no progress and sends nothing."""
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
    return gx.get_context(mode="ephemeral", project_config=config)


class Batches:
    """Frames that Great Expectations checks, one batch each, in a context that exists only in memory."""

    def __init__(self) -> None:
        asset = in_memory_context().data_sources.add_pandas("rows").add_dataframe_asset("rows")
        self._whole = asset.add_batch_definition_whole_dataframe("all")

    def check(self, frame: pd.DataFrame, natives: Sequence[Any], most: int) -> dict[int, Any]:
        """Return the results on ``frame`` by the numbers of their expectations, with rows that break them.

        :param most: positions are named for expectations that at most this many rows break.

        A result is Great Expectations' own; ``rows`` in its ``meta`` are the positions or None.
        """
        from great_expectations.core.expectation_suite import ExpectationSuite

        batch = self._whole.get_batch({"dataframe": frame})
        suite = ExpectationSuite("expectations", expectations=list(natives))
        form = {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES}
        by_number = {native.meta[ITEM]: native for native in natives}
        found = {}
        for result in batch.validate(suite, result_format=form).results:
            number = result.expectation_config.meta[ITEM]
            bad = int(result.result["unexpected_count"]) if by_row(result.result) else 0
            if not result.success and 0 < bad <= most:
                result.meta["rows"] = _rows(batch, by_number[number], bad)
            found[number] = result
        return found


def by_row(result: Mapping[str, Any]) -> bool:
    """Whether a result counts rows; some expectations on a whole column count distinct values."""
    return {"element_count", "unexpected_count"} <= result.keys()


def _rows(batch: Any, native: Any, bad: int) -> np.ndarray[Any, Any] | None:
    """Return the positions of the rows that break an expectation, from a second validation without values."""
    named = {"result_format": "COMPLETE", "partial_unexpected_count": 0, "exclude_unexpected_values": True}
    positions = batch.validate(native, result_format=named).result.get("unexpected_index_list")
    if positions is None or len(positions) != bad:
        return None
    return np.asarray(positions, dtype=np.int64)


def outcome_of(item: Expectation, result: Any, cells: Sequence[Any] | None, *, samples: bool) -> Outcome:
    """Return Great Expectations' own result as an outcome.

    :param cells: cells that break it, as they are in the data; those of the result for None.

    Raises ConfigError where the evaluation raised an error.
    """
    seen = result.result
    raised = exception(result.exception_info, samples=samples)
    if raised is not None:
        raise cannot_evaluate(item, raised)
    if not by_row(seen):
        return observed(item, seen.get("observed_value"), holds=bool(result.success), samples=samples)
    return counted(
        item,
        holds=bool(result.success),
        bad=int(seen["unexpected_count"] or 0),
        of=int(seen["element_count"] or 0),
        cells=seen.get("partial_unexpected_list") or () if cells is None else cells,
        samples=samples,
    )


def exception(info: Mapping[str, Any] | None, *, samples: bool = True) -> str | None:
    """Return the message of an evaluation that raised, in either shape that Great Expectations has for it."""
    if not info:
        return None
    parts = [info] if "raised_exception" in info else list(info.values())
    for part in parts:
        if isinstance(part, Mapping) and part.get("raised_exception"):
            if not samples:
                return "it raised an error, whose text may quote cells (validate.samples is none)"
            lines = str(part.get("exception_message")).strip().splitlines()
            return cut(lines[0]) if lines else "it raised an error"
    return None


def cannot_evaluate(item: Expectation, reason: str) -> ConfigError:
    """Return the error about an expectation that raises on these rows."""
    return ConfigError(f"validate.expect: Great Expectations cannot evaluate {item.name}: {reason}")
