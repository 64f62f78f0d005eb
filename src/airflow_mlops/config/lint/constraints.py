"""What an estimator of scikit-learn accepts for each parameter, as its source declares it."""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.config.lint.classes import Lineage, lineage
from airflow_mlops.config.lint.source import Definition, NotChecked, NotThere, Sources

_TABLE: Final = "_parameter_constraints"
_NUMBERS: Final = {"Integral": "whole number", "Real": "number", "RealNotInt": "number with a point"}
_TYPES: Final = {"bool": bool, "int": int, "float": float, "str": str, "list": list, "dict": dict}
_ABSTRACT: Final = frozenset({"Iterable", "Sequence", "Mapping", "Container", "Number", *_NUMBERS})
_NEVER: Final = frozenset({"callable", "HasMethods", "np.ndarray", "sparse matrix", "tuple", "type"})


class _Unread(Exception):
    """The source does not tell what is accepted."""


@dataclass(frozen=True)
class Choice:
    """One of the things that a parameter may be: a test, and its description."""

    accepts: Callable[[Any], bool]
    text: str


@dataclass(frozen=True)
class Constraint:
    """What one parameter may be: any of its choices."""

    choices: tuple[Choice, ...]

    def accepts(self, value: Any) -> bool:
        """Whether the estimator would take ``value``."""
        return any(choice.accepts(value) for choice in self.choices)

    def __str__(self) -> str:
        return " or ".join(dict.fromkeys(choice.text for choice in self.choices if choice.text))


def constraints(line: Lineage, sources: Sources) -> dict[str, Constraint]:
    """Return what can be read of a class's constraints by parameter; unreadable ones are left out."""
    found: dict[str, Constraint] = {}
    for name, options in _entries(line, line.classes[0], sources, set()):
        found.pop(name, None)
        try:
            choices = tuple(choice for option in _options(options) for choice in _choices(option))
        except _Unread:
            continue
        if any(choice.text for choice in choices):
            found[name] = Constraint(choices)
    try:
        known = line.constructor().names
    except NotChecked:
        return found
    return {name: constraint for name, constraint in found.items() if name in known}


def _entries(
    line: Lineage, item: Definition, sources: Sources, seen: set[str]
) -> Iterator[tuple[str, ast.expr]]:
    """Yield name and options as the table lists them, tables that it spreads first."""
    table = _table(item)
    if table is None:
        later = line.classes[[known.node for known in line.classes].index(item.node) + 1 :]
        table = next((found for known in later if (found := _table(known))), None)
    if isinstance(table, ast.Dict):
        yield from _listed(line, item, table, sources, seen)
    for node in item.node.body:
        if not isinstance(node, ast.Expr | ast.For) or _TABLE not in ast.unparse(node):
            continue
        added = _added(node)
        if added is not None:
            yield from _listed(line, item, added, sources, seen)
            continue
        for name in ast.walk(node):  # pop: anything is taken
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value, name


def _added(node: ast.stmt) -> ast.Dict | None:
    """Return what ``_parameter_constraints.update({...})`` adds."""
    call = node.value if isinstance(node, ast.Expr) else None
    if isinstance(call, ast.Call) and ast.unparse(call.func) == f"{_TABLE}.update":
        return next((arg for arg in call.args if isinstance(arg, ast.Dict)), None)
    return None


def _listed(
    line: Lineage, item: Definition, table: ast.Dict, sources: Sources, seen: set[str]
) -> Iterator[tuple[str, ast.expr]]:
    for key, value in zip(table.keys, table.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value, _KeysSpelled(item).visit(copy.deepcopy(value))
        elif key is None and isinstance(value, ast.Attribute) and value.attr == _TABLE:
            yield from _spread(line, item, ast.unparse(value.value), sources, seen)


class _KeysSpelled(ast.NodeTransformer):
    """Replaces ``set(name)`` by the keys of the mapping or list that ``name`` is in the class or module."""

    def __init__(self, item: Definition) -> None:
        self.item = item

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Replace the call when it is one of ``set(name)`` and ``set(name.keys())``."""
        self.generic_visit(node)
        text = ast.unparse(node).removesuffix(".keys())").removesuffix(")")
        name = text.removeprefix("set(")
        if name == text or not name.isidentifier():
            return node
        body = [*self.item.node.body, *self.item.module.names.values()]
        values = (statement.value for statement in body if _assigns(statement, name))  # type: ignore[attr-defined]
        found = next(values, None)
        keys = found.keys if isinstance(found, ast.Dict) else getattr(found, "elts", None)
        return ast.Set(elts=[key for key in keys if key]) if keys else node


def _assigns(node: ast.stmt, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _spread(
    line: Lineage, item: Definition, name: str, sources: Sources, seen: set[str]
) -> Iterator[tuple[str, ast.expr]]:
    """Yield the entries of another class's table: a base, or a class that the module imports."""
    if name in seen:
        return
    base = next((known for known in line.classes if known.node.name == name), None)
    try:
        base = base or sources.named(item.module, name)
    except (NotChecked, NotThere):
        return
    inside = line if base in line.classes else lineage(base, sources)
    yield from _entries(inside, base, sources, seen | {name})


def _table(item: Definition) -> ast.expr | None:
    for node in item.node.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and _assigns(node, _TABLE):
            return node.value
    return None


def _options(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.List):
        return node.elts
    raise _Unread


def _choices(node: ast.expr) -> tuple[Choice, ...]:
    if isinstance(node, ast.Constant):
        return _named(node.value)
    if isinstance(node, ast.Call):
        return _called(node)
    text = ast.unparse(node)
    if text in _TYPES:
        kind = _TYPES[text]
        return (Choice(lambda value: isinstance(value, kind), f"a {text}"),)
    if text in _NUMBERS:
        return (Choice(_within(text, None, None, "neither"), f"a {_NUMBERS[text]}"),)
    if text in _NEVER or (isinstance(node, ast.Name) and text[:1].isupper() and text not in _ABSTRACT):
        return ()  # an object of some class, which YAML cannot write
    raise _Unread


def _named(name: Any) -> tuple[Choice, ...]:
    if name is None:
        return (Choice(lambda value: value is None, "null"),)
    if name == "boolean":
        return (Choice(lambda value: isinstance(value, bool), "true or false"),)
    if name == "verbose":
        return (Choice(lambda value: isinstance(value, int) and value >= 0, "a whole number of at least 0"),)
    if name == "random_state":
        return (
            Choice(lambda value: value is None, "null"),
            Choice(_within("Integral", 0, 2**32 - 1, "both"), "a whole number of at least 0"),
        )
    if name == "array-like":
        return (Choice(lambda value: isinstance(value, list), "a list"),)
    if name in _NEVER:
        return ()
    raise _Unread


def _called(node: ast.Call) -> tuple[Choice, ...]:
    kind = ast.unparse(node.func)
    if kind == "Interval":
        return (_interval(node),)
    if kind == "StrOptions":
        allowed = _literal(node.args[0])
        text = ", ".join(repr(value) for value in sorted(allowed))
        return (Choice(lambda value: isinstance(value, str) and value in allowed, f"one of {text}"),)
    if kind == "Hidden":
        return tuple(Choice(choice.accepts, "") for choice in _choices(node.args[0]))
    if kind in _NEVER:
        return ()
    raise _Unread


def _interval(node: ast.Call) -> Choice:
    kind = ast.unparse(node.args[0]).rpartition(".")[2]
    closed = next((_literal(word.value) for word in node.keywords if word.arg == "closed"), None)
    if kind not in _NUMBERS or len(node.args) != 3 or closed is None:
        raise _Unread
    low, high = _literal(node.args[1]), _literal(node.args[2])
    parts = []
    if low is not None:
        parts.append(f"of at least {low}" if closed in ("left", "both") else f"above {low}")
    if high is not None:
        parts.append(f"of at most {high}" if closed in ("right", "both") else f"below {high}")
    text = f"a {_NUMBERS[kind]} {' and '.join(parts)}".rstrip()
    return Choice(_within(kind, low, high, closed), text)


def _within(kind: str, low: float | None, high: float | None, closed: str) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        if not isinstance(value, int | float) or (kind == "Integral" and not isinstance(value, int)):
            return False
        if (kind == "RealNotInt" and isinstance(value, int)) or value != value:  # not a number
            return False
        if value in (math.inf, -math.inf) and closed not in ("right" if value > 0 else "left", "both"):
            return False
        above = low is None or value > low or (value == low and closed in ("left", "both"))
        below = high is None or value < high or (value == high and closed in ("right", "both"))
        return above and below

    return accepts


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise _Unread from None
