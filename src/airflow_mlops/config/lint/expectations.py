"""Rules about expectations: Great Expectations knows them and their arguments, read from its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from airflow_mlops.config.expectations import NATIVE, TYPE, Expectation, expand_one
from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.annotations import fits, said
from airflow_mlops.config.lint.classes import lineage
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.lint.source import NotChecked, NotThere
from airflow_mlops.core.suggestions import did_you_mean, nearest

_CORE: Final = "great_expectations.expectations.core"
_RULE: Final = "expectations"
_FORMS: Final = {
    key: ast.parse(form, mode="eval").body
    for key, form in {
        "mostly": "MostlyField",
        "not_null": "bool",
        "unique": "bool",
        "min": "Comparable",
        "max": "Comparable",
        "regex": "StrictStr",
    }.items()
}
_FAMILIES: Final = ("int", "float", "number", "str", "bool", "datetime")
_SHARED: Final = ("min", "max", "not_null", "unique", "in", "regex")
_NEEDED: Final = {"expect_column_kl_divergence_to_be_less_than": ("partition_object", "threshold")}
"""Arguments without which an expectation can be made, but not checked."""
_EVERYWHERE: Final = ("id", "meta", "notes", "result_format", "description", "catch_exceptions", "severity",
                      "rendered_content", "windows", "batch_id", "library_metadata")  # fmt: skip


def expectations(subject: Subject) -> Iterator[Finding]:
    """Names and arguments of expectations, bounds the right way round, a share that quarantine reads."""
    section = subject.pipeline.validate_
    if section and section.on_failure != "quarantine" and "max_quarantine" in section.model_fields_set:
        message = f"has no effect with on_failure: {section.on_failure}: write on_failure: quarantine"
        yield Finding(_RULE, ("validate", "max_quarantine"), message)
    for number, entry in enumerate(section.expect if section else ()):
        path: KeyPath = ("validate", "expect", number)
        if any(key.startswith(NATIVE) for key in entry):
            for item in expand_one(entry):
                yield from _native(subject, (*path, item.name), item)
        else:
            yield from _short(path, entry)


def _short(path: KeyPath, entry: Mapping[str, Any]) -> Iterator[Finding]:
    """The values of a short form are of the kind that it needs, and ask for something."""
    for key, value in entry.items():
        form = _FORMS.get(key)
        if form and not fits(value, form):
            yield Finding(_RULE, (*path, key), f"`{key}` is {said(form)}, got {value!r:.80}")
    if entry.get("in") == []:
        yield Finding(_RULE, (*path, "in"), "`in` is empty: no value is allowed")
    if isinstance(entry.get("regex"), str):
        yield from _pattern((*path, "regex"), entry["regex"])
    kind = entry.get(TYPE)
    if isinstance(kind, str) and not _is_type(kind) and (hint := did_you_mean(kind, _FAMILIES)):
        yield Finding(_RULE, (*path, TYPE), f"unknown type {kind!r}{hint}")
    yield from _mostly(path, entry)
    alone = "mostly" in entry and not any(key in entry for key in _SHARED)
    if alone and fits(entry["mostly"], _FORMS["mostly"]):
        message = f"is the share of rows that keep to {', '.join(_SHARED)}: none of them is here"
        yield Finding(_RULE, (*path, "mostly"), message)
    yield from _bounds(path, entry, ("min", "max"))


def _is_type(kind: str) -> bool:
    """Whether ``kind`` is a family, or looks like one of the types that numpy and pandas write with bits."""
    return kind in _FAMILIES or re.fullmatch(r"[A-Za-z]+\d+(\[.*\])?", kind) is not None


def _pattern(path: KeyPath, text: str) -> Iterator[Finding]:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        yield Finding(_RULE, path, f"not a regular expression: {error}, got {text!r:.80}")


def _native(subject: Subject, path: KeyPath, item: Expectation) -> Iterator[Finding]:
    try:
        module = subject.sources.module(_CORE)
        known = {_snake(name): name for name in module.names if name.startswith("Expect")}
        if item.name not in known:
            yield Finding(_RULE, path, f"unknown expectation {item.name!r}{did_you_mean(item.name, known)}")
            return
        line = lineage(subject.sources.named(module, known[item.name]), subject.sources)
    except (NotThere, NotChecked) as error:
        yield Finding(_RULE, path, f"not checked: {error}", "note")
        return
    fields = {name: field for name, field in line.fields().items() if not name.startswith("_")}
    for name, value in item.arguments.items():
        yield from _argument(path, item.name, name, value, fields)
    meant = {nearest(name, _own(fields)) for name in item.arguments if name not in fields}
    needed = [name for name, field in fields.items() if _required(field)]
    for name in (*needed, *_NEEDED.get(item.name, ())):
        if name not in item.arguments and name not in meant:
            yield Finding(_RULE, path, f"{item.name} needs the argument {name!r}")
    yield from _mostly(path, item.arguments)
    yield from _ranges(path, item, fields)


def _argument(
    path: KeyPath, owner: str, name: str, value: Any, fields: Mapping[str, ast.AnnAssign]
) -> Iterator[Finding]:
    here = (*path, name)
    if name not in fields:
        hint = did_you_mean(name, _own(fields)) or f"; it has {', '.join(_own(fields))}"
        yield Finding(_RULE, here, f"{owner} has no argument {name!r}{hint}")
        return
    if isinstance(value, str) and "{{" in value:
        return
    form = fields[name].annotation
    if not fits(value, form):
        yield Finding(_RULE, here, f"{name} is {said(form)}, got {value!r:.80}")
    elif value in ([], "") and _required(fields[name]):
        yield Finding(_RULE, here, f"{name} is empty")
    elif name == "column_list" and isinstance(value, list) and len(value) < 2 and _required(fields[name]):
        yield Finding(_RULE, here, f"{name} needs at least two columns, got {value!r:.80}")
    elif name == "quantile_ranges":
        yield from _quantiles(here, value)
    for number, text in enumerate(value if name == "regex_list" and isinstance(value, list) else ()):
        yield from _pattern((*here, number), str(text))
    if name == "regex" and isinstance(value, str):
        yield from _pattern(here, value)


def _own(fields: Iterable[str]) -> list[str]:
    return [name for name in fields if name not in _EVERYWHERE]


def _quantiles(path: KeyPath, value: Any) -> Iterator[Finding]:
    shares, ranges = (
        (value.get(key) for key in ("quantiles", "value_ranges")) if isinstance(value, dict) else (0, 0)
    )
    if not (isinstance(shares, list) and isinstance(ranges, list) and len(shares) == len(ranges)):
        example = "{quantiles: [0.1, 0.9], value_ranges: [[0, 5], [20, 30]]}"
        yield Finding(_RULE, path, f"as many value_ranges as quantiles, as {example}; got {value!r:.80}")


def _required(field: ast.AnnAssign) -> bool:
    """Whether a field has no default, as ``x: str`` or ``x: str = Field(description=…)``."""
    call = field.value if isinstance(field.value, ast.Call) else None
    if "Optional" in ast.unparse(field.annotation) or "None" in ast.unparse(field.annotation):
        return False
    if call is None:
        return field.value is None
    return not call.args and not any(word.arg in ("default", "default_factory") for word in call.keywords)


def _mostly(path: KeyPath, given: Mapping[str, Any]) -> Iterator[Finding]:
    if given.get("mostly") == 0 and not isinstance(given["mostly"], bool):
        yield Finding(_RULE, (*path, "mostly"), "0 is met by any rows: nothing is checked")


def _ranges(path: KeyPath, item: Expectation, fields: Mapping[str, ast.AnnAssign]) -> Iterator[Finding]:
    bounds = ("min_value", "max_value")
    asks = any(key in bounds or key not in fields for key in item.arguments)
    if item.name.endswith("_between") and bounds[0] in fields and not asks:
        yield Finding(_RULE, path, f"{item.name} asks for nothing: give min_value, max_value or both")
    for key in bounds if "proportion" in item.name else ():
        value = item.arguments.get(key)
        if isinstance(value, int | float) and not 0 <= value <= 1:
            yield Finding(_RULE, (*path, key), f"a proportion lies between 0 and 1, got {value}")
    yield from _bounds(path, item.arguments, bounds)


def _bounds(path: KeyPath, given: Mapping[str, Any], names: tuple[str, str]) -> Iterator[Finding]:
    low, high = (given.get(name) for name in names)
    numbers = isinstance(low, int | float) and isinstance(high, int | float)
    dates = isinstance(low, date) and type(low) is type(high)
    if (numbers or dates) and low > high:  # type: ignore[operator]  # both are numbers, or dates
        message = f"{names[0]} {low} is above {names[1]} {high}: nothing is between"
        yield Finding(_RULE, (*path, names[0]), message)


def _snake(name: str) -> str:
    """Turn a class name into the expectation's name, as Great Expectations does."""
    spaced = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", spaced).lower()
