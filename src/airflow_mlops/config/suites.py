"""Suites of Great Expectations: the JSON that its tools write, read as expectations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_mlops.config.expectations import SEVERITIES, Expectation
from airflow_mlops.core.errors import ConfigError


def read_suite(path: str, base: Path) -> tuple[Expectation, ...]:
    """Return the expectations of a suite, as Great Expectations 1.x or 0.x saves it.

    :param path: the file; relative to the folder ``base``.

    Raises ConfigError for a file that is not there, is not JSON, or is not a suite.
    """
    file = base / Path(path).expanduser()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"validate.suite: cannot read {file}: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigError(f"validate.suite: {file} is not JSON: {error}") from error
    entries = content.get("expectations") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ConfigError(f"validate.suite: {file} must have a list `expectations`: save it as a suite")
    if not entries:
        raise ConfigError(f"validate.suite: {file} has no expectation: nothing would be checked")
    return tuple(
        _expectation(entry, f"validate.suite: {file}: expectations[{number}]")
        for number, entry in enumerate(entries)
    )


def _expectation(entry: Any, where: str) -> Expectation:
    name = (entry.get("type") or entry.get("expectation_type")) if isinstance(entry, Mapping) else None
    if not isinstance(name, str):
        raise ConfigError(f"{where} must have a `type` such as expect_column_values_to_not_be_null")
    arguments = entry.get("kwargs") or {}
    if not isinstance(arguments, Mapping):
        raise ConfigError(f"{where}: `kwargs` must be a mapping of arguments, got {arguments!r:.80}")
    severity = entry.get("severity") or SEVERITIES[0]
    if severity not in SEVERITIES:
        raise ConfigError(f"{where}: `severity` must be one of {', '.join(SEVERITIES)}, got {severity!r:.80}")
    known = {key: value for key, value in arguments.items() if key not in ("batch_id", "result_format")}
    return Expectation(name, known if severity == SEVERITIES[0] else {**known, "severity": severity})
