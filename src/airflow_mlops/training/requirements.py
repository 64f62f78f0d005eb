"""What a model needs to be loaded: every distribution that its pickle imports, whichever way it came in."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import io
import logging
import pickle
import sys
from collections.abc import Collection, Iterable, Iterator
from types import ModuleType
from typing import Any, Final

from airflow_mlops.training.distributions import distribution_of, is_pythons_own

_LOG: Final = logging.getLogger(__name__)
_ALWAYS: Final = ("cloudpickle", "numpy", "pandas", "scikit-learn")
_IMPORTERS: Final = ("import_module", "__import__")


def pinned(imported: Iterable[str], shipped: Collection[ModuleType] = ()) -> list[str]:
    """Return the requirements of a model whose pickle imports these modules.

    They are sorted, behind those that every model has. ``shipped`` are the modules that are packed by value:
    what their functions import when they are called is not in the pickle, and counts. A module that belongs
    to no installed distribution is warned about: nobody can install it from a name.
    """
    own = {module.__name__ for module in shipped}
    late = {name for module in shipped for name in _imported_late(module)}
    modules = [name for name in {*imported, *late} if not _is_within(name, own) and not is_pythons_own(name)]
    found = {name: distribution_of(name) for name in sorted(modules)}
    if nameless := sorted({name.partition(".")[0] for name, home in found.items() if home is None}):
        _LOG.warning(
            "the model imports %s, which no installed distribution lists: its requirements cannot name it",
            ", ".join(nameless),
        )
    distributions = {name for name in found.values() if name is not None} - set(_ALWAYS)
    return [f"{name}=={importlib.metadata.version(name)}" for name in (*_ALWAYS, *sorted(distributions))]


def imported_by_pickle(model: Any) -> set[str]:
    """Return the modules that loading the model's pickle imports.

    The pickle is loaded, because a module may be named by a string that only its code knows.
    """
    import cloudpickle

    found: set[str] = set()

    class Recorder(pickle.Unpickler):
        """Loads a pickle and keeps the names of what it imports."""

        def find_class(self, module: str, name: str) -> Any:
            found.add(module)
            value = super().find_class(module, name)
            return _noting_subimport if name == "subimport" and module.startswith("cloudpickle") else value

    def _noting_subimport(name: str) -> Any:
        found.add(name)
        return cloudpickle.cloudpickle.subimport(name)

    Recorder(io.BytesIO(cloudpickle.dumps(model))).load()
    return found


def _is_within(module: str, packages: Collection[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _imported_late(package: ModuleType) -> Iterator[str]:
    """Yield the modules that functions of a module, and of those below it, import when they are called."""
    name = package.__name__
    for module in [item for key, item in list(sys.modules.items()) if _is_within(key, (name,))]:
        try:
            tree = ast.parse(inspect.getsource(module))
        except (OSError, TypeError, SyntaxError):  # no source: a notebook, a module made at run time
            continue
        functions = (
            node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        for node in (inner for function in functions for inner in ast.walk(function)):
            yield from _names_imported(node)


def _names_imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in _IMPORTERS and isinstance(node.args[0].value, str):
            yield node.args[0].value
