"""Rules about the user's functions: they exist, and take the arguments that the stages pass."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Generator, Iterable, Iterator
from typing import Any, Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.classes import Signature, lineage, signature
from airflow_mlops.config.lint.finding import Finding, Subject, is_template, sources
from airflow_mlops.config.lint.libraries import NotChecked, NotThere
from airflow_mlops.config.lint.source import Definition
from airflow_mlops.config.models import Source
from airflow_mlops.core.suggestions import did_you_mean

_ENGINE_ARGUMENTS: Final = ("memory_map", "filters", "schema")


def functions(subject: Subject) -> Iterator[Finding]:
    """The user's functions exist and can be called the way the stages call them."""
    if subject.pipeline.features:
        yield from _function(subject, ("features",), subject.pipeline.features, places=1)
    for path, source in sources(subject.pipeline):
        if source.callable:
            yield from _function(subject, (*path, "callable"), source.callable, keywords=source.load_args)
        elif source.load_args and source.sql is None:
            yield from _reader(subject, path, source)


def _reader(subject: Subject, path: KeyPath, source: Source) -> Iterator[Finding]:
    """The arguments of a reader are its own; pandas' decorators leave them as they are."""
    reader = f"pandas.read_{source.type}"
    accepted, text = _of_pandas(subject, reader), _of_pandas(subject, "pandas.read_csv")
    if accepted is None:
        return
    path = (*path, "load_args")
    yield from unknown_arguments(path, reader, accepted.after(1), source.load_args)
    # A reader that hands arguments on to its engine gets none that only text files have.
    strange = {*text.names} - {*accepted.names, *_ENGINE_ARGUMENTS} if accepted.open and text else ()
    for name in source.load_args:
        if name in strange:
            yield Finding((*path, name), f"{reader} has no parameter {name!r}: it is one of pandas.read_csv")


def _of_pandas(subject: Subject, path: str) -> Signature | None:
    try:
        found = subject.sources.find(path).node
    except (NotThere, NotChecked):
        return None
    return None if isinstance(found, ast.ClassDef) else signature(found)


def unknown_arguments(
    path: KeyPath, called: str, accepted: Signature, names: Iterable[str]
) -> Iterator[Finding]:
    """Yield the arguments below ``path`` that what is called does not have."""
    for name in names if not accepted.open else ():
        if name not in accepted.names:
            hint = did_you_mean(name, accepted.names)
            yield Finding((*path, name), f"{called} has no parameter {name!r}{hint}")


def resolve(subject: Subject, path: KeyPath, dotted: str) -> Generator[Finding, None, Definition | None]:
    """Yield what is wrong with a dotted path; returns its definition or None."""
    if is_template(dotted):
        yield Finding(path, "not checked: it is a template", "note")
        return None
    try:
        return subject.sources.find(dotted)
    except NotThere as error:
        yield cannot_import(path, dotted, error)
    except NotChecked as error:
        yield Finding(path, f"not checked: {error}", "note")
    return None


def class_attribute(subject: Subject, path: KeyPath, dotted: str, name: str) -> Generator[Finding, None, Any]:
    """Yield what is wrong with the path of a class; returns the literal value of one of its attributes."""
    found = yield from resolve(subject, path, dotted)
    return None if found is None else lineage(found, subject.sources).literal(name)


def cannot_import(path: KeyPath, dotted: str, error: NotThere) -> Finding:
    """Return the finding about a dotted path that leads nowhere."""
    odd = re.search(r"[^\w.:]", dotted)
    hint = f" (a path cannot contain {odd[0]!r}: write it as package.module.Name)" if odd else ""
    return Finding(path, f"cannot be imported: {error}{hint}")


def _function(
    subject: Subject, path: KeyPath, dotted: str, *, places: int = 0, keywords: Collection[str] = ()
) -> Iterator[Finding]:
    accepted = yield from arguments_of(subject, path, dotted, "a DataFrame")
    if accepted is None:
        return
    if accepted.positional is not None and accepted.positional < places:
        yield Finding(path, "takes no argument, but is called with the data frame")
    yield from unknown_arguments((*path[:-1], "load_args"), dotted, accepted, sorted(keywords))
    missing = [name for name in accepted.after(places).required if name not in keywords]
    if missing:
        how = "the data frame alone" if places else "load_args alone"
        yield Finding(path, f"needs the argument {', '.join(missing)}, but is called with {how}")


def arguments_of(
    subject: Subject, path: KeyPath, dotted: str, result: str
) -> Generator[Finding, None, Signature | None]:
    """Yield what is wrong with a function; returns its arguments, None when they are not to be checked.

    ``result`` is what it has to return, in words.
    """
    found = yield from resolve(subject, path, dotted)
    if found is None or found.node.decorator_list:
        return None
    if isinstance(found.node, ast.ClassDef):
        yield Finding(path, f"{dotted} is a class: write the path of a function")
        return None
    yield from check_result(path, found, result)
    return None if isinstance(found.node, ast.AsyncFunctionDef) else signature(found.node)


def check_result(path: KeyPath, found: Definition, what: str) -> Iterator[Finding]:
    """A function is a plain one that returns something."""
    if isinstance(found.node, ast.AsyncFunctionDef):
        yield Finding(path, "is an async function: write it without async")
    elif found.yields:
        yield Finding(path, f"is a generator (it has yield): return {what}")
    elif not found.returns:
        yield Finding(path, f"returns nothing: return {what}")
