"""The recipe's own functions, known by reading `steps/*.py`; nothing is imported."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_mlops.core.suggestions import did_you_mean


@dataclass(frozen=True)
class Steps:
    """The functions in a recipe's ``steps`` folder: module to name to number of parameters."""

    functions: Mapping[str, Mapping[str, int]]
    package: bool

    def parameters(self, module: str, function: str) -> int | None:
        """Return how many parameters a function takes, or None when it is not there."""
        return self.functions.get(module, {}).get(function)

    def missing(self, module: str, function: str) -> str:
        """Return a remark when the function is not there, or nothing."""
        if self.parameters(module, function) is not None:
            return ""
        return (
            f" (steps/{module}.py has no {function}{did_you_mean(function, self.functions.get(module, {}))})"
        )


def read_steps(root: Path) -> Steps:
    """Read the functions of ``steps/*.py``; a file that is no Python has none."""
    folder = root / "steps"
    found = {file.stem: _functions(file) for file in sorted(folder.glob("*.py"))}
    return Steps(found, (folder / "__init__.py").is_file())


def _functions(file: Path) -> dict[str, int]:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return {}
    return {
        node.name: len(node.args.posonlyargs) + len(node.args.args) + bool(node.args.vararg)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
