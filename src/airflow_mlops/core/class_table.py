"""Tables of classes that a pipeline file chooses from by a short name, or by a dotted path of its own."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

T = TypeVar("T")
PATH_PATTERN: Final = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
"""A class by its path, ``package.module:Class``."""


@dataclass(frozen=True)
class ClassTable(Generic[T]):
    """The classes of one family: ``noun`` names the family, ``paths`` has a class path for each short name.

    A class is imported when it is asked for, so that a table costs nothing when a DAG file is parsed.

    >>> mappings = ClassTable("mapping", {"ordered": "collections:OrderedDict"})
    >>> mappings.load("ordered").__name__
    'OrderedDict'
    >>> mappings.load("collections:Counter").__name__
    'Counter'
    >>> mappings.check("orderd")
    Traceback (most recent call last):
    airflow_mlops.core.errors.ConfigError: a mapping must be 'ordered' or a class written as \
package.module:Class, got 'orderd' (did you mean ordered?)
    """

    noun: str
    paths: Mapping[str, str]

    def names(self) -> tuple[str, ...]:
        """Return the short names, in the order of the table."""
        return tuple(self.paths)

    def path(self, kind: str) -> str:
        """Return the class path of ``kind``, a short name or a path; raises ConfigError for another text."""
        self.check(kind)
        return self.paths.get(kind, kind)

    def check(self, kind: str) -> None:
        """Raise ConfigError unless ``kind`` is a short name or has the form of a class path."""
        if kind in self.paths or re.match(PATH_PATTERN, kind):
            return
        known = ", ".join(repr(name) for name in self.paths)
        raise ConfigError(
            f"a {self.noun} must be {known} or a class written as package.module:Class, "
            f"got {kind!r}{did_you_mean(kind, self.paths)}"
        )

    def load(self, kind: str) -> type[T]:
        """Return the class of ``kind``; raises ConfigError when it is unknown or cannot be imported."""
        path = self.path(kind)
        module, _, name = path.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"cannot import the {self.noun} {path!r}: {error}; install its package wherever tasks and "
                "triggers run"
            ) from error
        if not isinstance(found, type):
            raise ConfigError(f"the {self.noun} {path!r} must be a class, got {type(found).__name__}")
        return found
