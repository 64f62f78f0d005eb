"""Rules about expectations: Great Expectations knows them and their arguments, read from its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from airflow_mlops.config.expectations import COLUMN_ARGUMENTS, NATIVE, TYPE, Expectation, expand_one
from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.annotations import fits, said
from airflow_mlops.config.lint.classes import lineage
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.lint.source import NotChecked, NotThere
from airflow_mlops.core.nearest import did_you_mean

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
        "regex": "str",
    }.items()
}
_FAMILIES: Final = ("int", "float", "number", "str", "bool", "datetime")


def expectations(subject: Subject) -> Iterator[Finding]:
    """Names and arguments of expectations, bounds the right way round, a share that quarantine reads."""
    section = subject.pipeline.validate_
    if section and section.on_failure != "quarantine" and "max_quarantine" in section.model_fields_set:
        message = f"has no effect with on_failure: {section.on_failure}: write on_failure: quarantine"
        yield Finding(_RULE, ("validate", "max_quarantine"), message)
    for number, entry in enumerate(section.expect if section else ()):
        path: KeyPath = ("validate", "expect", number)
        for item in expand_one(entry):
            yield from _native(subject, path, item, native=any(key.startswith(NATIVE) for key in entry))
        yield from _bounds(path, entry.get("min"), entry.get("max"))
        yield from _short(path, entry)


def _short(path: KeyPath, entry: Mapping[str, Any]) -> Iterator[Finding]:
    """The values of a short form are of the kind that it needs."""
    for key, value in entry.items():
        form = _FORMS.get(key)
        if form and not fits(value, form):
            yield Finding(_RULE, (*path, key), f"`{key}` is {said(form)}, got {value!r:.80}")
    if entry.get("in") == []:
        yield Finding(_RULE, (*path, "in"), "`in` is empty: no value is allowed")
    if isinstance(entry.get("regex"), str):
        yield from _pattern((*path, "regex"), entry["regex"])
    kind = entry.get(TYPE)
    if isinstance(kind, str) and kind not in _FAMILIES and (hint := did_you_mean(kind, _FAMILIES)):
        yield Finding(_RULE, (*path, TYPE), f"unknown type {kind!r}{hint}")


def _pattern(path: KeyPath, text: str) -> Iterator[Finding]:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        yield Finding(_RULE, path, f"not a regular expression: {error}, got {text!r:.80}")


def _native(subject: Subject, path: KeyPath, item: Expectation, *, native: bool) -> Iterator[Finding]:
    if not native:
        return
    path = (*path, item.name)
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
    fields = line.fields()
    for name in item.arguments:
        if name not in fields:
            hint = did_you_mean(name, fields)
            yield Finding(_RULE, (*path, name), f"{item.name} has no argument {name!r}{hint}")
            continue
        form, value = fields[name].annotation, item.arguments[name]
        if not (isinstance(value, str) and "{{" in value) and not fits(value, form):
            yield Finding(_RULE, (*path, name), f"{name} is {said(form)}, got {value!r:.80}")
        elif name == "regex" and isinstance(value, str):
            yield from _pattern((*path, name), value)
    for name in COLUMN_ARGUMENTS:
        if name in fields and name not in item.arguments and _required(fields[name]):
            yield Finding(_RULE, path, f"{item.name} needs the argument {name!r}")
    yield from _bounds(path, item.arguments.get("min_value"), item.arguments.get("max_value"))


def _required(field: ast.AnnAssign) -> bool:
    """Whether a field has no default, as ``x: str`` or ``x: str = Field(description=…)``."""
    if field.value is None:
        return True
    call = field.value if isinstance(field.value, ast.Call) else None
    if call is None or "Optional" in ast.unparse(field.annotation):
        return False
    return not call.args and not any(word.arg in ("default", "default_factory") for word in call.keywords)


def _bounds(path: KeyPath, low: object, high: object) -> Iterator[Finding]:
    numbers = isinstance(low, int | float) and isinstance(high, int | float)
    if numbers and low > high:  # type: ignore[operator]  # both are numbers
        yield Finding(_RULE, path, f"nothing is between {low} and {high}: the lower bound is above the upper")


def _snake(name: str) -> str:
    """Turn a class name into the expectation's name, as Great Expectations does."""
    spaced = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", spaced).lower()
