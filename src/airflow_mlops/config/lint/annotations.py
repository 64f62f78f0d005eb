"""Whether a plain value fits a type annotation that was read from source."""

from __future__ import annotations

import ast
from datetime import date
from typing import Any, Final

_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "dict": (dict,),
    "date": (date,),
    "datetime": (date,),
    "list": (list, tuple),
    "tuple": (list, tuple),
    "set": (list, tuple),
    "Sequence": (list, tuple),
    "ValueSetField": (list, tuple),
    "StrictStr": (str,),
    "str": (str, int, float),
}
_NUMBERS: Final = {"int", "float", "MostlyField"}
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "FailureSeverity": ("critical", "warning", "info"),
    "ConditionParser": ("great_expectations", "great_expectations__experimental__", "pandas", "spark"),
}
_PARAMETER: Final = "$PARAMETER"
"""The only key of a value that Great Expectations works out when it validates, such as ``now()``."""
_COMPARABLE: Final = ("float", "date", "SuiteParameterDict")
_SAID: Final = {
    "ValueSetField": "a list",
    "list": "a list",
    "List": "a list",
    "MostlyField": "a share from 0 to 1",
    "Comparable": "a number or a date",
    "StrictStr": "text",
    "str": "text",
    "bool": "true or false",
    "dict": "a mapping",
    "FailureSeverity": "critical, warning or info",
    "ConditionParser": "great_expectations, pandas or spark",
    "int": "a whole number",
    "float": "a number",
}


def fits(value: Any, annotation: ast.expr) -> bool:
    """Whether ``value`` can be meant by ``annotation``; True for an annotation that is not understood.

    Text that reads as a number fits a number, as pydantic has it, and a date in text fits a date.
    """
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return fits(value, annotation.left) or fits(value, annotation.right)
    if isinstance(annotation, ast.Subscript):
        return _fits_generic(value, annotation)
    if isinstance(annotation, ast.Constant):
        return value is None if annotation.value is None else True
    return _fits_name(value, _name(annotation))


def said(annotation: ast.expr) -> str:
    """Return what an annotation asks for, in a few words."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name | ast.Attribute) and (text := _SAID.get(_name(node))):
            return text
    return ast.unparse(annotation)


def _fits_generic(value: Any, annotation: ast.Subscript) -> bool:
    inner = annotation.slice
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    match _name(annotation.value):
        case "Union":
            return any(fits(value, part) for part in parts)
        case "Optional":
            return value is None or fits(value, parts[0])
        case "Literal":
            return value in [part.value for part in parts if isinstance(part, ast.Constant)]
        case "Annotated":
            return fits(value, parts[0])
        case "List" | "list" | "Sequence" | "set" | "Set":
            return isinstance(value, list | tuple) and all(fits(item, parts[0]) for item in value)
        case "Tuple" | "tuple":
            return isinstance(value, list | tuple)
    return True


def _fits_name(value: Any, name: str) -> bool:
    if name == "Comparable":
        return any(_fits_name(value, part) for part in _COMPARABLE)
    if name in _NUMBERS:
        number = _number(value)
        return number is not None and (name != "MostlyField" or 0 <= number <= 1)
    if name in ("date", "datetime") and isinstance(value, str):
        return _is_date(value)
    if name in _WORDS:
        return value in _WORDS[name]
    if name == "SuiteParameterDict":
        return isinstance(value, dict) and list(value) == [_PARAMETER]
    kinds = _KINDS.get(name)
    return kinds is None or (isinstance(value, kinds) and not (name == "str" and isinstance(value, bool)))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True
