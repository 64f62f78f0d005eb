"""Queries in files of their own, beside the pipeline file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from airflow_mlops.config.environment_names import environment_name_in
from airflow_mlops.config.text_files import read_text
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

_ENDING: Final = ".sql"
ARGUMENTS: Final = ("coerce_float", "dtype", "dtype_backend", "params", "parse_dates")
"""The arguments of ``pandas.read_sql`` that a user may set; the others repeat other keys of the source."""


def is_query_file(sql: str) -> bool:
    """Whether ``sql`` is the name of a file: it ends with ``.sql``, as in Airflow's operators.

    >>> is_query_file("queries/churn.sql"), is_query_file("SELECT * FROM churn")
    (True, False)
    """
    return sql.endswith(_ENDING) and not re.match(r"[\s(]*(select|with)\s", sql, re.IGNORECASE)


def query_text(sql: str, base: Path) -> str:
    """Return the query: the text itself, or the content of the file that it names, relative to ``base``.

    Raises ConfigError for a file that does not exist, cannot be read, or names an environment variable.
    """
    if not is_query_file(sql):
        return sql
    try:
        path = base / Path(sql).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"cannot open {sql}: the user does not exist; write the path of the folder"
        ) from None
    if not path.exists():
        beside = [item.name for item in path.parent.glob(f"*{_ENDING}")] if path.parent.is_dir() else []
        raise ConfigError(f"file {path} does not exist{did_you_mean(path.name, beside)}")
    text = read_text(path)
    if message := environment_name_in(text):
        raise ConfigError(f"{path}: {message}")
    return text


def inline_query_files(config: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Return a configuration with the content of every query file in place of its path.

    This happens before templates are rendered, so that those in the file are rendered as well. Raises
    ConfigError for a file that cannot be read, with the key that names it.
    """
    return {key: _inlined(value, base, key) for key, value in config.items()}


def _inlined(value: Any, base: Path, path: str) -> Any:
    if isinstance(value, Mapping):
        if "type" in value and isinstance(value.get("sql"), str) and is_query_file(value["sql"]):
            try:
                return {**value, "sql": query_text(value["sql"], base) + "\n"}
            except ConfigError as error:
                raise ConfigError(f"{path}.sql: {error}") from error
        return {key: _inlined(item, base, f"{path}.{key}") for key, item in value.items()}
    return [_inlined(item, base, path) for item in value] if isinstance(value, list | tuple) else value
