"""Packs the user's own modules into a model, so that it needs nothing of the machine that trained it."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.model_steps import raw_rows
from airflow_mlops.training.distributions import distribution_of, is_pythons_own, place_of_module
from airflow_mlops.training.requirements import imported_by_pickle, pinned
from airflow_mlops.user_code.loading import is_installed

_PACKAGE: Final = __name__.partition(".")[0]


@dataclass(frozen=True)
class Packed:
    """The modules that are inside a model's pickle, and the requirements of the others."""

    modules: frozenset[ModuleType]
    requirements: tuple[str, ...]


@contextlib.contextmanager
def packed(model: Any, named: Iterable[Callable[..., Any]], base: Path) -> Iterator[Packed]:
    """While it lasts, cloudpickle packs by value whatever the model has of modules that nobody can install.

    These are the modules of the ``named`` objects, those beside them in ``base``, and any other that the
    pickle refers to and that belongs to no installed package. Raises ConfigError when the model cannot be
    packed.
    """
    with contextlib.ExitStack() as stack:
        modules = stack.enter_context(shipped_by_value(named, base))
        while True:
            try:
                imported = imported_by_pickle(model)
            except Exception as error:  # the model's own code is asked for its state
                what = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
                raise ConfigError(f"the model cannot be packed to be loaded elsewhere: {what}") from error
            more = {module for name in imported if (module := _to_pack(name)) is not None} - modules
            if not more:
                break
            stack.enter_context(_by_value(more))
            modules = modules | more
        yield Packed(frozenset(modules), tuple(pinned(imported, modules)))


@contextlib.contextmanager
def shipped_by_value(paths: Iterable[Callable[..., Any]], base: Path) -> Iterator[set[ModuleType]]:
    """While it lasts, cloudpickle packs the modules of these objects, and those beside them, by value.

    Yields these modules. Installed packages stay references: their versions belong into the model's
    requirements.
    """
    own = {sys.modules[item.__module__.partition(".")[0]] for item in paths if item.__module__ in sys.modules}
    folder = base.resolve()
    beside = {
        module for name, module in list(sys.modules.items()) if "." not in name and _is_in(module, folder)
    }
    modules = {raw_rows, *(module for module in own | beside if _is_users(module))}
    with _by_value(modules):
        yield modules


@contextlib.contextmanager
def _by_value(modules: Iterable[ModuleType]) -> Iterator[None]:
    import cloudpickle

    known = cloudpickle.list_registry_pickle_by_value()
    fresh = [module for module in modules if module.__name__ not in known]
    for module in fresh:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in fresh:
            cloudpickle.unregister_pickle_by_value(module)


def _to_pack(name: str) -> ModuleType | None:
    """Return what has to be packed of a module that a pickle refers to: of this package the module alone."""
    if is_pythons_own(name):
        return None
    top = name.partition(".")[0]
    if top == _PACKAGE:
        return importlib.import_module(name)
    module = importlib.import_module(top)
    return module if _is_users(module) and distribution_of(name) is None else None


def _is_in(module: ModuleType, folder: Path) -> bool:
    place = place_of_module(module)
    return place is not None and place.resolve().is_relative_to(folder)


def _is_users(module: ModuleType) -> bool:
    place = place_of_module(module)
    return (
        place is not None
        and not is_installed(str(place))
        and not is_pythons_own(module.__name__)
        and module.__name__.partition(".")[0] != _PACKAGE
    )
