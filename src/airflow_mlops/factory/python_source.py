"""Writes planned values as Python expressions, and the imports that they need."""

from __future__ import annotations

import ast
import enum
import importlib
import keyword
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import Any, Final

from airflow_mlops.config.models import Section
from airflow_mlops.core.errors import ConfigError

_UNITS: Final = {"days": 86400, "hours": 3600, "minutes": 60}
_PIECE: Final = 60
"""Characters of one piece of a long text: formatters do not split strings."""


class SourceWriter:
    """Turns values into Python expressions, and collects the imports and constants that they use.

    >>> writer = SourceWriter()
    >>> ast.unparse(writer.expression({"retry_delay": timedelta(minutes=5)}))
    "{'retry_delay': timedelta(minutes=5)}"
    >>> [ast.unparse(line) for line in writer.imports()]
    ['from datetime import timedelta']
    """

    def __init__(self) -> None:
        self._imports: dict[tuple[str, str], str] = {}
        self._constants: dict[str, str] = {}
        self.used: set[str] = set()

    def define(self, name: str, value: Any) -> ast.expr:
        """Return the expression of a value; from now on this value is written as ``name``."""
        expression = self.expression(value)
        self._constants[ast.unparse(expression)] = name
        return expression

    def expression(self, value: Any) -> ast.expr:
        """Return the expression of a value; raises ConfigError for one that cannot be written as Python."""
        expression = self._expression(value)
        if isinstance(expression, ast.Call | ast.Dict):
            name = self._constants.get(ast.unparse(expression))
            if name:
                self.used.add(name)
                return ast.Name(name)
        return expression

    def call(
        self, target: Any, arguments: Sequence[Any] = (), keywords: Mapping[str, Any] | None = None
    ) -> ast.Call:
        """Return the expression of a call.

        :param target: a class or function that a module has under its name, or an expression.
        """
        called = target if isinstance(target, ast.expr) else self._called(target)
        named = [ast.keyword(name, self.expression(value)) for name, value in (keywords or {}).items()]
        return ast.Call(called, [self.expression(value) for value in arguments], named)

    def imported(self, target: Any) -> str:
        """Return the name that a class or function has in the file, which then imports it."""
        return self._import(_home(target), str(target.__name__))

    def imported_name(self, module: str, name: str) -> str:
        """Return the name that ``name`` of a module has in the file, which then imports it."""
        return self._import(module, name)

    def _called(self, target: Any) -> ast.expr:
        """Return a class or function, or a static method as ``Class.method``."""
        owner, _, method = str(target.__qualname__).rpartition(".")
        found = getattr(sys.modules[target.__module__], owner, None) if owner else None
        if found is None:
            return ast.Name(self.imported(target))
        return ast.Attribute(ast.Name(self.imported(found)), method)

    @property
    def names(self) -> set[str]:
        """Names that the file uses already."""
        return {*self._imports.values(), *self._constants.values(), *keyword.kwlist}

    def imports(self, *, standard_library: bool | None = None) -> Iterator[ast.ImportFrom]:
        """Yield the imports in the order that isort gives them: all, or those of one kind."""
        modules: dict[str, list[ast.alias]] = {}
        for (module, name), alias in sorted(
            self._imports.items(), key=lambda item: _import_order(item[0][1])
        ):
            modules.setdefault(module, []).append(ast.alias(name, None if alias == name else alias))
        for module in sorted(modules, key=str.lower):
            standard = module.partition(".")[0] in sys.stdlib_module_names
            if standard_library in (None, standard):
                yield ast.ImportFrom(module, modules[module], 0)

    def _import(self, module: str, name: str) -> str:
        if module == "builtins":
            return name
        taken = {alias for key, alias in self._imports.items() if key != (module, name)}
        alias, number = name, 2
        while alias in taken:
            alias, number = f"{name}{number}", number + 1
        return self._imports.setdefault((module, name), alias)

    def _expression(self, value: Any) -> ast.expr:
        match value:
            case ast.expr():
                return value
            case enum.Enum():
                return ast.Attribute(ast.Name(self.imported(type(value))), value.name)
            case None | bool() | int() | float():
                return ast.Constant(value)
            case str():
                return _text(value)
            case date() | timedelta():
                return self._time(value)
            case _:
                return self._compound(value)

    def _compound(self, value: Any) -> ast.expr:
        match value:
            case partial():
                return self.call(value.func, value.args, value.keywords)
            case Section():
                return self.call(type(value), keywords=section_arguments(value))
            case Mapping():
                keys: list[ast.expr | None] = [self.expression(key) for key in value]
                return ast.Dict(keys, [self.expression(item) for item in value.values()])
            case list():
                return ast.List([self.expression(item) for item in value])
            case tuple():
                return ast.Tuple([self.expression(item) for item in value])
        raise ConfigError(
            f"cannot write {value!r:.80} as Python: wrap the call that creates it in a functools.partial"
        )

    def _time(self, value: date | timedelta) -> ast.expr:
        if isinstance(value, timedelta):
            seconds = value.total_seconds()
            unit = next((name for name, size in _UNITS.items() if seconds % size == 0), "seconds")
            count = seconds / _UNITS.get(unit, 1)
            return self.call(timedelta, keywords={unit: int(count) if count.is_integer() else count})
        parts = [value.year, value.month, value.day]
        if not isinstance(value, datetime):
            return self.call(date, parts)
        clock = [value.hour, value.minute, value.second, value.microsecond]
        while clock and not clock[-1]:
            clock.pop()
        return self.call(datetime, [*parts, *clock], self._zone(value.utcoffset()))

    def _zone(self, offset: timedelta | None) -> dict[str, ast.expr]:
        if offset is None:
            return {}
        utc = ast.Name(self._import("datetime", "UTC")) if not offset else self.call(timezone, [offset])
        return {"tzinfo": utc}


def section_arguments(section: Section) -> dict[str, Any]:
    """Return the options that are set in a section, in the order of its fields, as Python arguments."""
    options: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        if name in section.model_fields_set:
            alias = field.alias or name
            usable = alias.isidentifier() and not keyword.iskeyword(alias)
            options[alias if usable else name] = getattr(section, name)
    return options


def verbatim(text: str) -> ast.Name:
    """Return a node that ``ast.unparse`` prints as it is: for what a syntax tree cannot hold.

    >>> ast.unparse(verbatim("# a comment"))
    '# a comment'
    """
    return ast.Name(text)


def _text(value: str) -> ast.expr:
    pieces = _pieces(value)
    if len(pieces) == 1:
        return ast.Constant(value)
    return verbatim("(" + " ".join(map(repr, pieces)) + ")")


def _pieces(text: str) -> list[str]:
    """Split a text after spaces, so that each piece is short as far as its words are."""
    pieces = [""]
    for word in text.split(" "):
        if pieces[-1] and len(pieces[-1]) + len(word) >= _PIECE:
            pieces.append("")
        pieces[-1] += f"{word} "
    pieces[-1] = pieces[-1][:-1]
    return pieces if pieces[-1] else pieces[:-1] or [""]


def _home(target: Any) -> str:
    """Return the shortest module that offers a class or function: the one that people import it from."""
    parts = str(target.__module__).split(".")
    modules = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    if parts[0] == "airflow":
        modules = ["airflow.sdk", *modules[1:]]
    for module in modules:
        if _offers(importlib.import_module(module), target):
            return module
    raise ConfigError(f"cannot import {target!r:.80} by a name: define it at the top of a module")


def _offers(module: Any, target: Any) -> bool:
    """Whether a module has a class or function under its name; only public names are looked up lazily."""
    offered = target.__name__ in vars(module) or target.__name__ in getattr(module, "__all__", ())
    return offered and getattr(module, target.__name__) is target


def _import_order(name: str) -> tuple[int, str]:
    """Order the names of one import: constants, classes, then functions."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower()
