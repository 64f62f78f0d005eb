"""Keys whose value is a name out of a table of classes, or a class path of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import AfterValidator

from airflow_mlops.config.values import passes
from airflow_mlops.core.class_table import PATH_PATTERN, ClassTable


def known_in(table: ClassTable[Any]) -> AfterValidator:
    """Return the check that a value is in ``table``, or has the form of a class path."""
    return AfterValidator(passes(table.check))


def described_by(table: ClassTable[Any]) -> Callable[[dict[str, Any]], None]:
    """Return what adds the names and help texts of ``table`` to the JSON Schema of a key.

    The classes are imported when the schema is made, not when a pipeline file is read.
    """

    def describe(schema: dict[str, Any]) -> None:
        known = "; ".join(f"`{name}`: {table.load(name).help}" for name in table.names())
        schema["description"] = f"{schema['description'].rstrip('.')}: {known}."
        del schema["type"]
        schema["anyOf"] = [{"enum": [*table.names()]}, {"type": "string", "pattern": PATH_PATTERN}]

    return describe
