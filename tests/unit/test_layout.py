"""The tests lie where the code lies: each pure module that decides something has a test file of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE, TESTS = ROOT / "src" / "airflow_mlops", ROOT / "tests" / "unit"


def _decides(path: Path) -> bool:
    """Whether a module has a function that does anything."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    return any(len(function.body) > 1 or ast.get_docstring(function) is None for function in functions)


PURE = [
    path.relative_to(SOURCE)
    for folder in (SOURCE / "core", *sorted(SOURCE.glob("*/core")))
    for path in sorted(folder.rglob("*.py"))
    if _decides(path)
]


@pytest.mark.parametrize("module", PURE, ids=str)
def test_a_pure_module_has_its_own_tests(module: Path) -> None:
    """``core/machine.py`` has ``core/test_machine.py``; a package of records may have one file for all."""
    own = TESTS / module.with_name(f"test_{module.name}")
    package = TESTS / module.parent.with_name(f"test_{module.parent.name}.py")
    assert own.is_file() or package.is_file(), f"write {own.relative_to(ROOT)}"


def test_there_are_pure_modules() -> None:
    assert len(PURE) > 20
