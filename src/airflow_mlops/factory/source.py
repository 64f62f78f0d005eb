"""Writes planned values as Python, and the imports that they need."""

from __future__ import annotations

import enum
import importlib
import keyword
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

from airflow_mlops.config.models import Section
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.factory.layout import WIDTH, Group, Source, Text, flat, laid_out
from airflow_mlops.factory.plan import Call

_UNITS = {"days": 86400, "hours": 3600, "minutes": 60}


class Writer:
    """Turns values into source, and remembers what has to be imported.

    :param names: values that the file has a name for, with that name.
    """

    def __init__(self, names: Sequence[tuple[Any, str]] = ()) -> None:
        self.names = list(names)
        self._imports: dict[tuple[str, str], str] = {}

    def source(self, value: Any) -> Source:
        """Return the source of a value; raises ConfigError for one that cannot be written as Python."""
        for known, name in self.names:
            if type(known) is type(value) and known == value:
                return name
        if isinstance(value, enum.Enum):
            return f"{self.imported(type(value))}.{value.name}"
        if value is None or isinstance(value, bool | int | float):
            return repr(value)
        if isinstance(value, str):
            return Text(value)
        if isinstance(value, date | timedelta):
            return self._time(value)
        return self._compound(value)

    def call(self, target: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Group:
        """Return the source of a call of a class or function."""
        return self.written_call(self.imported(target), args, kwargs)

    def written_call(
        self, what: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Group:
        """Return the source of a call of what the file has under a name."""
        items = [("", self.source(value)) for value in args]
        items += [(f"{name}=", self.source(value)) for name, value in (kwargs or {}).items()]
        return Group(f"{what}(", tuple(items), ")")

    def imported(self, target: Any) -> str:
        """Return the name of a class or function in the file, which then imports it."""
        module, name = _home(target), str(target.__name__)
        taken = {alias for key, alias in self._imports.items() if key != (module, name)}
        alias, number = name, 2
        while alias in taken:
            alias, number = f"{name}{number}", number + 1
        return self._imports.setdefault((module, name), alias)

    @property
    def taken(self) -> set[str]:
        """The names that mean something in the file already."""
        return {*self._imports.values(), *(name for _, name in self.names), *keyword.kwlist}

    def imports(self) -> list[str]:
        """Return the lines of the imports: the standard library, then all others."""
        modules: dict[str, list[str]] = {}
        for (module, name), alias in sorted(self._imports.items(), key=lambda item: _order(item[0][1])):
            modules.setdefault(module, []).append(name if alias == name else f"{name} as {alias}")
        lines: list[list[str]] = [[], []]
        for module in sorted(modules, key=str.lower):
            names = ", ".join(modules[module])
            group = Group("(", tuple(("", name) for name in modules[module]), ")")
            line = laid_out(f"from {module} import {names}")
            if len(line[0]) > WIDTH:
                line = laid_out(group, f"from {module} import ")
            lines[module.partition(".")[0] not in sys.stdlib_module_names] += line
        return [*lines[0], *([""] if all(lines) else []), *lines[1]]

    def _compound(self, value: Any) -> Source:
        if isinstance(value, Call):
            return self.call(value.target, value.args, value.kwargs)
        if isinstance(value, Section):
            return self.call(type(value), kwargs=given(value))
        if isinstance(value, Mapping):
            pairs = ((self.source(key), item) for key, item in value.items())
            return Group("{", tuple((f"{flat(key)}: ", self.source(item)) for key, item in pairs), "}")
        if isinstance(value, list | tuple):
            opening, closing = "[]" if isinstance(value, list) else "()"
            items = tuple(("", self.source(item)) for item in value)
            return Group(opening, items, closing, comma=isinstance(value, tuple) and len(value) == 1)
        raise ConfigError(f"cannot write {value!r:.80} as Python: plan it as a call")

    def _time(self, value: date | timedelta) -> Source:
        if isinstance(value, timedelta):
            seconds = value.total_seconds()
            unit = next((name for name, size in _UNITS.items() if seconds % size == 0), "seconds")
            count = seconds / _UNITS.get(unit, 1)
            return self.call(timedelta, kwargs={unit: int(count) if count.is_integer() else count})
        parts = [value.year, value.month, value.day]
        if not isinstance(value, datetime):
            return self.call(date, parts)
        clock = [value.hour, value.minute, value.second, value.microsecond]
        while clock and not clock[-1]:
            clock.pop()
        written = self.call(datetime, [*parts, *clock])
        zone = self._zone(value.utcoffset())
        return Group(written.opening, (*written.items, ("tzinfo=", zone)), ")") if zone else written

    def _zone(self, offset: timedelta | None) -> Source | None:
        if offset is None:
            return None
        return self._named("datetime", "UTC") if not offset else self.call(timezone, [offset])

    def _named(self, module: str, name: str) -> str:
        return self._imports.setdefault((module, name), name)


def given(section: Section) -> dict[str, Any]:
    """Return what a section was given, in the order of its keys, under the names of Python arguments."""
    found: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        if name in section.model_fields_set:
            alias = field.alias or name
            usable = alias.isidentifier() and not keyword.iskeyword(alias)
            found[alias if usable else name] = getattr(section, name)
    return found


def _home(target: Any) -> str:
    """Return the shortest module that offers a class or function: where people import it from."""
    parts = str(target.__module__).split(".")
    places = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    if parts[0] == "airflow":
        places = ["airflow.sdk", *places[1:]]
    for place in places:
        module = importlib.import_module(place)
        offered = target.__name__ in vars(module) or target.__name__ in getattr(module, "__all__", ())
        if offered and getattr(module, target.__name__) is target:
            return place
    raise ConfigError(f"cannot import {target!r:.80} by a name: define it at the top of a module")


def _order(name: str) -> tuple[int, str]:
    """Order names of one import: constants, classes, then functions."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower()
