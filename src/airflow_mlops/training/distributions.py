"""Which installed distribution a module comes from."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Final

_OTHER_NAMES: Final = {"sklearn": "scikit-learn"}
"""Modules that many models import and that are not named as their distribution is."""
_PYTHONS_OWN: Final = sys.stdlib_module_names | {"__main__", "__mp_main__"}


def distribution_of(module: str) -> str | None:
    """Return the distribution that holds a module; None for Python's own, and when none says that it does.

    Where several share a top-level package, as namespaces such as ``google`` do, it is the one that lists the
    module's file.

    >>> distribution_of("sklearn.linear_model"), distribution_of("json")
    ('scikit-learn', None)
    """
    top = module.partition(".")[0]
    if top in _PYTHONS_OWN:
        return None
    path = tuple(sys.path)
    if (named := _of_that_name(top, path)) is not None:
        return named
    names = sorted(set(_installed(path).get(top, ())))
    if len(names) < 2:
        return names[0] if names else None
    place = place_of(module)
    return next((name for name in names if place and place.resolve() in _files(name, path)), names[0])


def place_of(module: str) -> Path | None:
    """Return the file of a module, or the folder of a namespace package; None when it cannot be found."""
    found = sys.modules.get(module)
    if found is not None:
        return place_of_module(found)
    try:
        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):  # a parent that is not there, or no package
        return None
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


def place_of_module(module: ModuleType) -> Path | None:
    """Return the file of a loaded module, or the folder of a namespace package."""
    if file := getattr(module, "__file__", None):
        return Path(file)
    folders = list(getattr(module, "__path__", ()))
    return Path(folders[0]) if folders else None


def is_pythons_own(module: str) -> bool:
    """Return whether a module belongs to the standard library, or is the program that runs."""
    return module.partition(".")[0] in _PYTHONS_OWN


@functools.cache
def _of_that_name(top: str, path: tuple[str, ...]) -> str | None:  # noqa: ARG001 - what the answer depends on
    """Return the distribution with the name of a package, if it lists that package's file.

    The others need not be read then.
    """
    try:
        found = importlib.metadata.distribution(_OTHER_NAMES.get(top, top))
    except importlib.metadata.PackageNotFoundError:
        return None
    holds = any(file.parts == (top, "__init__.py") for file in found.files or ())
    return found.name if holds else None


@functools.cache
def _installed(path: tuple[str, ...]) -> Mapping[str, list[str]]:  # noqa: ARG001 - what the answer depends on
    """Return the distributions by top-level module; reading all their files takes a fifth of a second."""
    return importlib.metadata.packages_distributions()


@functools.cache
def _files(distribution: str, path: tuple[str, ...]) -> frozenset[Path]:  # noqa: ARG001 - as above
    found = importlib.metadata.distribution(distribution)
    return frozenset(Path(str(found.locate_file(file))).resolve() for file in found.files or ())
