"""What a model needs to be loaded: every distribution that its pickle imports, whichever way it came in."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import inspect
import io
import pickle
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final

_ALWAYS: Final = ("cloudpickle", "numpy", "pandas", "scikit-learn")


def requirements(model: Any, shipped: Collection[ModuleType] = ()) -> list[str]:
    """Return the pinned requirements of a model, sorted, beginning with those that every model has.

    ``shipped`` are the modules that are packed by value: what their functions import when they are called
    is not in the pickle, and counts. To be called where cloudpickle packs the model as it will be logged.
    """
    modules = {*_imported_by_pickle(model), *(name for module in shipped for name in _imported_late(module))}
    own = {module.__name__ for module in shipped}
    found = {*_distributions(modules - own)} - set(_ALWAYS)
    return [f"{name}=={importlib.metadata.version(name)}" for name in (*_ALWAYS, *sorted(found))]


def _imported_by_pickle(model: Any) -> set[str]:
    """Return the top-level modules that loading the model's pickle imports."""
    import cloudpickle

    found: set[str] = set()

    class Recorder(pickle.Unpickler):
        """Loads a pickle and keeps the names of what it imports."""

        def find_class(self, module: str, name: str) -> Any:
            found.add(module.partition(".")[0])
            value = super().find_class(module, name)
            return _noting_subimport if name == "subimport" and module.startswith("cloudpickle") else value

    def _noting_subimport(name: str) -> Any:
        found.add(name.partition(".")[0])
        return cloudpickle.cloudpickle.subimport(name)

    Recorder(io.BytesIO(cloudpickle.dumps(model))).load()
    return found


def _imported_late(module: ModuleType) -> Iterator[str]:
    """Yield the top-level modules that functions of a module import when they are called."""
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError):  # no source: a notebook, a module made at run time
        return
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for node in (inner for function in functions for inner in ast.walk(function)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _distributions(modules: Iterable[str]) -> Iterator[str]:
    """Yield the installed distributions that hold these top-level modules; Python's own have none."""
    for module in modules:
        if module not in sys.stdlib_module_names:
            yield from _installed().get(module, ())[:1]


@functools.cache
def _installed() -> Mapping[str, list[str]]:
    """Return the distributions by top-level module; reading all their files takes a fifth of a second."""
    return importlib.metadata.packages_distributions()
