"""Queries that stand in files of their own, beside the pipeline file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from airflow_mlops.config.text_files import read_text
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

_ENDING: Final = ".sql"
ARGUMENTS: Final = ("coerce_float", "dtype", "dtype_backend", "params", "parse_dates")
"""The arguments of ``pandas.read_sql`` that are left to a user; the others say what else is said already."""


def is_file(sql: str) -> bool:
    """Whether ``sql`` names a file: it ends with ``.sql``, as Airflow's operators have it."""
    return sql.endswith(_ENDING) and not re.match(r"[\s(]*(select|with)\s", sql, re.IGNORECASE)


def query_text(sql: str, base: Path) -> str:
    """Return the query: the text itself, or that of the file which it names, seen from ``base``.

    Raises ConfigError for a file that is not there or cannot be read.
    """
    if not is_file(sql):
        return sql
    try:
        path = base / Path(sql).expanduser()
    except RuntimeError:
        raise ConfigError(f"cannot open {sql}: no such user: write the folder as it is") from None
    if not path.exists():
        beside = [item.name for item in path.parent.glob(f"*{_ENDING}")] if path.parent.is_dir() else []
        raise ConfigError(f"no such file {path}{did_you_mean(path.name, beside)}")
    return read_text(path)


def spelled_out(config: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Return a configuration with the text of every query file in place of its path.

    Done before templates are filled in, so that those of the file are as well. Raises ConfigError for a file
    that cannot be read, with the key that names it.
    """
    return {key: _spelled_out(value, base, key) for key, value in config.items()}


def _spelled_out(value: Any, base: Path, path: str) -> Any:
    if isinstance(value, Mapping):
        if "type" in value and isinstance(value.get("sql"), str) and is_file(value["sql"]):
            try:
                return {**value, "sql": query_text(value["sql"], base) + "\n"}
            except ConfigError as error:
                raise ConfigError(f"{path}.sql: {error}") from error
        return {key: _spelled_out(item, base, f"{path}.{key}") for key, item in value.items()}
    return [_spelled_out(item, base, path) for item in value] if isinstance(value, list | tuple) else value
