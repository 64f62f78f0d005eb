"""Rules about expectations: Great Expectations builds the native ones and reports what it refuses."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from airflow_mlops.config.expectations import (
    PARAMETER,
    SEVERITIES,
    TYPE,
    Expectation,
    as_time,
    expand_one,
    is_native,
    unknown_parameters,
)
from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject, is_template
from airflow_mlops.config.lint.functions import resolve
from airflow_mlops.config.lint.libraries import NotChecked
from airflow_mlops.config.suites import read_suite
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean, nearest

_PACKAGE: Final = "great_expectations"
_FAMILIES: Final = ("int", "float", "number", "str", "bool", "datetime")
_SHARED: Final = ("min", "max", "not_null", "unique", "in", "regex")
_NEEDED: Final = {"expect_column_kl_divergence_to_be_less_than": ("partition_object", "threshold")}
"""Arguments without which an expectation can be built, but not checked."""
_UNKNOWN: Final = "extra fields not permitted"
_EXAMPLES: Final = {"quantile_ranges": "{quantiles: [0.1, 0.9], value_ranges: [[0, 5], [20, 30]]}"}


def _is_bound(value: Any) -> bool:
    """Whether a value can be ``min`` or ``max``; Great Expectations reads numbers and dates in text."""
    if isinstance(value, dict):
        return list(value) == [PARAMETER]  # worked out when it validates, such as now()
    if isinstance(value, str):
        return _parses(float, value) or as_time(value) is not None
    return isinstance(value, int | float | date)


def _parses(kind: Callable[[str], object], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _is_share(value: Any) -> bool:
    number = float(value) if isinstance(value, str) and _parses(float, value) else value
    return isinstance(number, int | float) and 0 <= number <= 1


_FORMS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "mostly": (_is_share, "a share from 0 to 1"),
    "not_null": (lambda value: isinstance(value, bool), "true or false"),
    "unique": (lambda value: isinstance(value, bool), "true or false"),
    "min": (_is_bound, "a number or a date"),
    "max": (_is_bound, "a number or a date"),
    "regex": (lambda value: isinstance(value, str), "text"),
    "severity": (lambda value: value in SEVERITIES, f"one of {', '.join(SEVERITIES)}"),
}


def expectations(subject: Subject) -> Iterator[Finding]:
    """Names and arguments of expectations, bounds the right way round, a share that quarantine reads."""
    section = subject.pipeline.validate_
    if section and section.on_failure != "quarantine" and "max_quarantine" in section.model_fields_set:
        message = f"ignored with on_failure: {section.on_failure}: write on_failure: quarantine"
        yield Finding(("validate", "max_quarantine"), message)
    for number, entry in enumerate(section.expect if section else ()):
        path: KeyPath = ("validate", "expect", number)
        yield from _parameters(subject, path, entry)
        if any(map(is_native, entry)):
            for item in expand_one(entry):
                yield from _native(subject, (*path, item.name), item)
        else:
            yield from _short(path, entry)
    if section and section.suite:
        yield from _suite(subject, section.suite)


def _parameters(subject: Subject, path: KeyPath, values: Any) -> Iterator[Finding]:
    """Every name in a ``$PARAMETER`` below ``values`` is given a value."""
    section = subject.pipeline.validate_
    given = section.parameters if section else {}
    if isinstance(values, Mapping) and PARAMETER in values:
        for name in unknown_parameters(values, given):
            hint = did_you_mean(name, given) if given else ""
            message = f"nothing gives the parameter {name!r}{hint}: write its value below validate.parameters"
            yield Finding(path, message)
    elif isinstance(values, Mapping | list):
        items = values.items() if isinstance(values, Mapping) else enumerate(values)
        for key, value in items:
            yield from _parameters(subject, (*path, key), value)


def _suite(subject: Subject, file: str) -> Iterator[Finding]:
    """The suite can be read, and what is in it can be built; a fault is reported at the key of its file."""
    path: KeyPath = ("validate", "suite")
    if is_template(file):
        yield Finding(path, "not checked: it is a template", "note")
        return
    try:
        items = read_suite(file, subject.folder)
    except ConfigError as error:
        yield Finding(path, str(error).removeprefix("validate.suite: "))
        return
    for number, item in enumerate(items):
        found = [*_parameters(subject, path, item.arguments), *_native(subject, path, item)]
        for finding in found:
            argument = ".".join(map(str, finding.path[len(path) :]))
            where = f"expectations[{number}]{f'.{argument}' if argument else ''}"
            yield Finding(path, f"{where}: {finding.message}", finding.level)


def _own(subject: Subject, path: KeyPath, item: Expectation) -> Iterator[Finding]:
    """The class of the user's exists; its module is not run."""
    found = yield from resolve(subject, path, item.name)
    if found is not None and not isinstance(found.node, ast.ClassDef):
        yield Finding(
            path, f"{item.name} must be a class: a subclass of an expectation of Great Expectations"
        )
    yield from _mostly(path, item.arguments)


def _short(path: KeyPath, entry: Mapping[str, Any]) -> Iterator[Finding]:
    """The values of a short form have the right type, and check something."""
    for key, value in entry.items():
        fits, expected = _FORMS.get(key, (lambda _: True, ""))
        if not fits(value) and not is_template(value):
            yield Finding((*path, key), f"`{key}` must be {expected}, got {value!r:.80}")
    if entry.get("in") == []:
        yield Finding((*path, "in"), "`in` is empty: no value is allowed")
    if isinstance(entry.get("regex"), str):
        yield from _pattern((*path, "regex"), entry["regex"])
    kind = entry.get(TYPE)
    if isinstance(kind, str) and not _is_type(kind) and (hint := did_you_mean(kind, _FAMILIES)):
        yield Finding((*path, TYPE), f"type {kind!r} is unknown{hint}")
    yield from _mostly(path, entry)
    alone = "mostly" in entry and not any(key in entry for key in _SHARED)
    if alone and _is_share(entry["mostly"]):
        message = (
            f"ignored: `mostly` is a share of the rows for {', '.join(_SHARED)}, and none of them is set"
        )
        yield Finding((*path, "mostly"), message)
    yield from _bounds(path, entry, ("min", "max"))


def _is_type(kind: str) -> bool:
    """Whether ``kind`` is a family, or looks like one of the types that numpy and pandas write with bits."""
    return kind in _FAMILIES or re.fullmatch(r"[A-Za-z]+\d+(\[.*\])?", kind) is not None


def _pattern(path: KeyPath, text: str) -> Iterator[Finding]:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        yield Finding(path, f"is not a regular expression: {error}, got {text!r:.80}")


def _native(subject: Subject, path: KeyPath, item: Expectation) -> Iterator[Finding]:
    """Great Expectations can build it, and it checks something."""
    if item.is_own:
        yield from _own(subject, path, item)
        return
    try:
        answer = subject.libraries.ask("expectation", _PACKAGE, name=item.name, arguments=item.arguments)
    except NotChecked as error:
        yield Finding(path, f"not checked: {error}", "note")
        return
    if "known" in answer:
        hint = did_you_mean(item.name, answer["known"])
        yield Finding(path, f"{item.name!r} is not an expectation of Great Expectations{hint}")
        return
    unmet = [name for name in _NEEDED.get(item.name, ()) if name not in item.arguments]
    faults = [*answer["faults"], *([[name], "field required"] for name in unmet)]
    own = [*_refused(path, item, faults, answer["own"]), *_senseless(path, item, answer["fields"])]
    yield from own or _whole(path, item, faults)


def _refused(
    path: KeyPath, item: Expectation, faults: Sequence[Any], known: Sequence[str]
) -> Iterator[Finding]:
    """Yield what is wrong with single arguments, in the words of Great Expectations."""
    by_argument: dict[str, list[str]] = {}
    for place, message in faults:
        if place and place[0] != "__root__":
            by_argument.setdefault(str(place[0]), []).append(message)
    unknown = [name for name, messages in by_argument.items() if messages == [_UNKNOWN]]
    meant = {nearest(name, known) for name in unknown}
    for name, messages in by_argument.items():
        value = item.arguments.get(name)
        if messages == ["field required"] and name not in item.arguments:
            if name not in meant:
                yield Finding(path, f"{item.name} needs the argument {name!r}")
        elif name in unknown:
            hint = did_you_mean(name, known) or f"; it has {', '.join(known)}"
            yield Finding((*path, name), f"{item.name} has no argument {name!r}{hint}")
        elif not is_template(value):
            # a mapping is what it takes for a parameter such as now(), beside the values meant
            reasons = [text for text in messages if text != "value is not a valid dict"] or messages
            reason = "; ".join(dict.fromkeys(text.rstrip(".") for text in reasons))
            example = f"; write it as {_EXAMPLES[name]}" if name in _EXAMPLES else ""
            yield Finding((*path, name), f"{name} is not valid: {reason}, got {value!r:.80}{example}")


def _whole(path: KeyPath, item: Expectation, faults: Sequence[Any]) -> Iterator[Finding]:
    """Yield what is wrong with the arguments together."""
    templated = any(map(is_template, item.arguments.values()))
    for place, message in faults:
        if not templated and (not place or place[0] == "__root__"):
            yield Finding(path, f"{item.name} is not valid: {message}")


def _senseless(path: KeyPath, item: Expectation, required: Mapping[str, bool]) -> Iterator[Finding]:
    """Yield arguments that Great Expectations accepts, but that check nothing."""
    for name, value in item.arguments.items():
        here = (*path, name)
        if name in ("min_value", "max_value") and isinstance(value, dict) and not _is_bound(value):
            yield Finding(here, f"{name} must be a number or a date, got {value!r:.80}")
        if value in ([], "") and required.get(name):
            yield Finding(here, f"{name} is empty")
        if name == "regex" and isinstance(value, str):
            yield from _pattern(here, value)
        for number, text in enumerate(value if name == "regex_list" and isinstance(value, list) else ()):
            yield from _pattern((*here, number), str(text))
        if name == "quantile_ranges" and isinstance(value, dict):
            yield from _quantiles(here, value)
    yield from _mostly(path, item.arguments)
    bounds = ("min_value", "max_value")
    asks = any(key in bounds or key not in required for key in item.arguments)
    if item.name.endswith("_between") and bounds[0] in required and not asks:
        yield Finding(path, f"{item.name} checks nothing: add min_value, max_value or both")
    for key in bounds if "proportion" in item.name else ():
        value = item.arguments.get(key)
        if isinstance(value, int | float) and not 0 <= value <= 1:
            yield Finding((*path, key), f"a proportion must be between 0 and 1, got {value}")
    yield from _bounds(path, item.arguments, bounds)


def _quantiles(path: KeyPath, value: Mapping[str, Any]) -> Iterator[Finding]:
    shares, ranges = (value.get(key) for key in ("quantiles", "value_ranges"))
    if isinstance(shares, list) and isinstance(ranges, list) and len(shares) != len(ranges):
        message = f"must have as many value_ranges as quantiles, got {len(ranges)} and {len(shares)}"
        yield Finding(path, message)


def _mostly(path: KeyPath, arguments: Mapping[str, Any]) -> Iterator[Finding]:
    if arguments.get("mostly") == 0 and not isinstance(arguments["mostly"], bool):
        yield Finding((*path, "mostly"), "mostly: 0 disables the check")


def _bounds(path: KeyPath, arguments: Mapping[str, Any], names: tuple[str, str]) -> Iterator[Finding]:
    low, high = (arguments.get(name) for name in names)
    numbers = isinstance(low, int | float) and isinstance(high, int | float)
    dates = isinstance(low, date) and type(low) is type(high)
    if (numbers or dates) and low > high:  # type: ignore[operator]  # both are numbers, or dates
        message = f"{names[0]} {low} is above {names[1]} {high}: no value is between them"
        yield Finding((*path, names[0]), message)
