"""Class attributes of a user's own classes, read from their source."""

from __future__ import annotations

import ast
from typing import Any

from airflow_mlops.config.lint.classes import lineage
from airflow_mlops.config.lint.source import Definition, Sources


def literal_attribute(definition: Definition, name: str, sources: Sources) -> Any:
    """Return a class attribute, its own or inherited; None when it is not a plain literal."""
    for item in lineage(definition, sources).classes:
        for node in item.node.body:
            named = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(named, ast.Name) and named.id == name and isinstance(value, ast.expr):
                return _literal(value)
    return None


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:  # only running it would tell
        return None
