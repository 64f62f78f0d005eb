"""Models in the format of skops: loading one builds objects of the named types, and runs no other code."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.value_types import VALUES
from airflow_mlops.core.version import VERSION
from airflow_mlops.training.distributions import distribution_of
from airflow_mlops.training.requirements import pinned

_OURS: Final = __name__.partition(".")[0]
_ALWAYS: Final = (_OURS, "numpy", "pandas", "scipy", "sklearn")
_OTHERWISE: Final = "; write `train: {serialization: cloudpickle}`, whose loading runs code of the model"


@contextmanager
def quiet_search() -> Iterator[None]:
    """Keep the warnings of old names to themselves: skops asks every imported module for every name."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):  # Airflow's own are of the second kind
            warnings.simplefilter("ignore", category)
        yield


def trusted_types(model: Any) -> tuple[str, ...]:
    """Return the types of a model that skops does not trust by itself; whoever loads it has to.

    They are of installed packages, of this one among them, or hold values. Raises ConfigError for a model
    that skops cannot hold, or that has other types.
    """
    with quiet_search():
        import skops.io

    try:
        with quiet_search():
            types = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    except Exception as error:  # the model's own classes are asked for their state
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ConfigError(f"train.serialization: skops cannot hold this model: {text}{_OTHERWISE}") from error
    strange = [name for name in types if name not in VALUES and not _is_installed(name)]
    if strange:
        raise ConfigError(
            f"train.serialization: skops does not know {', '.join(strange[:8])}, which no installed package "
            f"has{_OTHERWISE}"
        )
    return tuple(sorted(types))


def _is_installed(name: str) -> bool:
    return name.partition(".")[0] in _ALWAYS or distribution_of(name.rpartition(".")[0]) is not None


def requirements_of_types(types: Sequence[str]) -> tuple[str, ...]:
    """Return the requirements of a model in the format of skops: this package is among them."""
    modules = {name.rpartition(".")[0] for name in types}
    others = [module for module in modules if module.partition(".")[0] != _OURS]
    lines = [line for line in pinned(others) if not line.startswith("cloudpickle==")]
    return (f"airflow-mlops=={VERSION}", *lines, f"skops=={importlib.metadata.version('skops')}")
