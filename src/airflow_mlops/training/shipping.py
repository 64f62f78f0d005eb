"""Packs the user's own modules into a model, so that it needs nothing of the machine that trained it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from airflow_mlops.training import raw_rows
from airflow_mlops.user_code.loading import is_installed


@contextlib.contextmanager
def shipped_by_value(paths: Iterable[Callable[..., Any]], base: Path) -> Iterator[set[ModuleType]]:
    """While it lasts, cloudpickle packs the modules of these objects, and those beside them, by value.

    Yields these modules. Installed packages stay references: their versions belong into the model's
    requirements.
    """
    import cloudpickle

    own = {sys.modules[item.__module__.partition(".")[0]] for item in paths if item.__module__ in sys.modules}
    folder = str(base.absolute())
    beside = {
        module
        for name, module in list(sys.modules.items())
        if "." not in name and (getattr(module, "__file__", None) or "").startswith(folder + "/")
    }
    packed = {raw_rows, *(module for module in own | beside if _is_users(module))}
    fresh = [
        module for module in packed if module.__name__ not in cloudpickle.list_registry_pickle_by_value()
    ]
    for module in fresh:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield packed
    finally:
        for module in fresh:
            cloudpickle.unregister_pickle_by_value(module)


def _is_users(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return bool(file) and not is_installed(str(file)) and module.__name__.partition(".")[0] != "airflow_mlops"
