"""Arguments of Parquet files, as a pipeline file has them in ``load_args``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

ARGUMENTS: Final = ("columns", "filters", "dtype_backend", "engine", "coerce_int96_timestamp_unit")
_CHOICES: Final[Mapping[str, Sequence[str | None]]] = {
    "dtype_backend": (None, "numpy_nullable", "pyarrow"),
    "engine": ("auto", "pyarrow"),
    "coerce_int96_timestamp_unit": (None, "s", "ms", "us", "ns"),
}


def checked_arguments(load_args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return arguments that Parquet has, with values that it takes; raises ConfigError for others."""
    for name in load_args:
        if name not in ARGUMENTS:
            raise ConfigError(
                f"data.source.load_args.{name}: Parquet has no such argument{did_you_mean(name, ARGUMENTS)}; "
                f"known: {', '.join(ARGUMENTS)}"
            )
    for name, known in _CHOICES.items():
        if name in load_args and load_args[name] not in known:
            choices = ", ".join(filter(None, known))
            raise ConfigError(
                f"data.source.load_args.{name} must be one of {choices}, got {load_args[name]!r:.80}"
            )
    return load_args


def wanted_columns(arguments: Mapping[str, Any], schema: pa.Schema) -> list[str]:
    """Return the columns that ``columns`` chooses, or all; raises ConfigError for one that is not there."""
    wanted = arguments.get("columns")
    if wanted is None:
        return list(schema.names)
    if not isinstance(wanted, list):
        raise ConfigError(f"data.source.load_args.columns must be a list of names, got {wanted!r:.80}")
    for name in wanted:
        if name not in schema.names:
            known = did_you_mean(str(name), schema.names)
            raise ConfigError(f"data.source.load_args.columns: no column {name!r}{known}")
    return list(dict.fromkeys(wanted))


def wanted_rows(arguments: Mapping[str, Any], schema: pa.Schema) -> Any:
    """Return which rows ``filters`` asks for, or None for all; raises ConfigError for a wrong one."""
    if not arguments.get("filters"):
        return None
    try:
        asked = parquet.filters_to_expression(arguments["filters"])
        schema.empty_table().filter(asked)
    except (ValueError, TypeError, pa.ArrowException) as error:
        raise ConfigError(f"data.source.load_args.filters: {str(error).splitlines()[0]:.300}") from error
    return asked
