"""A class as its source tells it: its bases, methods, constructor and annotated fields."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from airflow_mlops.config.lint.libraries import NotChecked, NotThere
from airflow_mlops.config.lint.source import Definition, Sources

_MAX_BASES: Final = 100
_PLAIN_BASES: Final = {"object", "Generic", "Protocol", "ABC"}


@dataclass(frozen=True)
class Signature:
    """What a call accepts: the names of its parameters, and those that have no default.

    ``open`` says that it takes any keyword, ``positional`` how many arguments by place (None: any number).
    """

    names: Sequence[str]
    required: Sequence[str]
    open: bool
    positional: int | None = None

    def after(self, places: int) -> Signature:
        """Return what may and must still be given by name after some arguments by place."""
        return replace(self, names=self.names[places:], required=self.required[places:])


@dataclass(frozen=True)
class Lineage:
    """A class and its bases, nearest first; ``gap`` says which base could not be read."""

    classes: tuple[Definition, ...]
    gap: str | None = None

    @property
    def names(self) -> set[str]:
        """The names of the classes."""
        return {item.node.name for item in self.classes}

    def has(self, attribute: str) -> bool:
        """Whether one of the classes defines ``attribute``."""
        return any(item.has(attribute) for item in self.classes)

    def literal(self, attribute: str) -> Any:
        """Return the value of a class attribute, its own or inherited; None when it is not a literal."""
        found = next((item.members[attribute] for item in self.classes if item.has(attribute)), None)
        value = found.value if isinstance(found, ast.Assign | ast.AnnAssign) else None
        try:
            return None if value is None else ast.literal_eval(value)
        except ValueError:  # only running it would tell
            return None

    def constructor(self) -> Signature:
        """Return what creating an object accepts; raises NotChecked when the source does not say."""
        for item in self.classes:
            if item.node.decorator_list:
                raise NotChecked(f"{item.node.name} has a decorator")
            found = item.members.get("__init__")
            if isinstance(found, ast.FunctionDef):
                return signature(found, method=True)
            if found is not None:
                raise NotChecked(f"__init__ of {item.node.name} is not a plain function")
        if self.gap:
            raise NotChecked(self.gap)
        return Signature((), (), False, 0)

    def fields(self) -> dict[str, ast.AnnAssign]:
        """Return the annotated fields, those of bases included."""
        found: dict[str, ast.AnnAssign] = {}
        for item in reversed(self.classes):
            for name, node in item.members.items():
                if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node.annotation):
                    found[name] = node
        return found


def lineage(definition: Definition, sources: Sources) -> Lineage:
    """Return a class with its bases, as far as their source can be read."""
    found: list[Definition] = []
    gaps: list[str] = []
    waiting = [definition]
    while waiting and len(found) < _MAX_BASES:
        item = waiting.pop(0)
        if any(item.node is known.node for known in found):
            continue
        found.append(item)
        for base in item.node.bases if isinstance(item.node, ast.ClassDef) else ():
            try:
                waiting.extend(_base(base, item, sources))
            except (NotChecked, NotThere) as error:
                gaps.append(f"the base {ast.unparse(base)} of {item.node.name} cannot be read ({error})")
    if waiting:
        gaps.append(f"{definition.node.name} has more than {_MAX_BASES} bases")
    return Lineage(tuple(found), gaps[0] if gaps else None)


def call_signature(found: Definition, sources: Sources) -> Signature:
    """Return what calling a class or function accepts; raises NotChecked when its source does not say."""
    if isinstance(found.node, ast.ClassDef):
        return lineage(found, sources).constructor()
    if found.node.decorator_list:
        raise NotChecked(f"{found.node.name} has a decorator")
    return signature(found.node)


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool = False) -> Signature:
    """Return what a function accepts; ``method`` leaves out the first parameter."""
    arguments = node.args
    places = [*arguments.posonlyargs, *arguments.args]
    free = len(places) - len(arguments.defaults)
    keywords = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    needed = [*places[method:free], *(item for item, default in keywords if default is None)]
    return Signature(
        names=[item.arg for item in (*places[method:], *arguments.kwonlyargs)],
        required=[item.arg for item in needed],
        open=arguments.kwarg is not None,
        positional=None if arguments.vararg else len(places) - method,
    )


def _base(base: ast.expr, item: Definition, sources: Sources) -> list[Definition]:
    if isinstance(base, ast.Subscript):
        base = base.value
    if ast.unparse(base).rpartition(".")[2] in _PLAIN_BASES:
        return []
    found = sources.meaning(base, item.module)
    return [found] if isinstance(found.node, ast.ClassDef) else []
