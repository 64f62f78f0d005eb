"""Rules about the user's code and estimators: they exist, and they take what they will be given."""

from __future__ import annotations

import ast
import re
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.classes import Lineage, Signature, lineage, signature
from airflow_mlops.config.lint.constraints import constraints
from airflow_mlops.config.lint.finding import Finding, Subject, sources
from airflow_mlops.config.lint.source import Definition, NotChecked, NotThere
from airflow_mlops.config.models import Source
from airflow_mlops.config.space import sampled_values
from airflow_mlops.core.suggestions import did_you_mean

_ESTIMATOR: Final = ("train", "estimator")
_RULE: Final = "code"
_OF_ENGINES: Final = ("memory_map", "filters", "schema")


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
    try:
        found = subject.sources.find(reader).node
    except (NotThere, NotChecked):
        return
    if isinstance(found, ast.ClassDef):
        return
    if signature(found).open:
        yield from _of_text(subject, reader, signature(found).names)
        return
    known = signature(found).names[1:]
    for name in source.load_args:
        if name not in known:
            at = (*path, "load_args", name)
            yield Finding(_RULE, at, f"{reader} has no parameter {name!r}{did_you_mean(name, known)}")


def _of_text(subject: Subject, reader: str, own: Iterable[str]) -> Iterator[Finding]:
    """A reader that hands arguments on to its engine gets none that only text files have."""
    try:
        text = subject.sources.find("pandas.read_csv").node
    except (NotThere, NotChecked):
        return
    strange = set() if isinstance(text, ast.ClassDef) else set(signature(text).names) - {*own, *_OF_ENGINES}
    for name in subject.pipeline.data.source.load_args:
        if name in strange:
            at = ("data", "source", "load_args", name)
            yield Finding(_RULE, at, f"{reader} has no parameter {name!r}: it is one of pandas.read_csv")


def estimator(subject: Subject) -> Iterator[Finding]:
    """The estimator exists, has fit and predict, and takes its parameters."""
    train = subject.pipeline.train
    found = yield from resolve(subject, _ESTIMATOR, train.estimator)
    if found is None:
        return
    yield from _parameters(subject, found)
    if not isinstance(found.node, ast.ClassDef):
        yield from () if found.node.decorator_list else _plain(_ESTIMATOR, found, "an estimator")
        return
    line = lineage(found, subject.sources)
    yield from _values(subject, line)
    yield from _learns(train.estimator, line)


def _values(subject: Subject, line: Lineage) -> Iterator[Finding]:
    """The parameters' values and both ends of their ranges are what the estimator says that it takes."""
    train, accepted = subject.pipeline.train, constraints(line, subject.sources)
    given: list[tuple[KeyPath, str, Any]] = [
        (("train", "params", name), name, value) for name, value in train.params.items()
    ]
    for name, form in (train.tune.space if train.tune else {}).items():
        given += [(("train", "tune", "space", name), name, value) for value in sampled_values(form)]
    told = set()
    for path, name, value in given:
        templated = isinstance(value, str) and "{{" in value
        if name in accepted and not templated and not accepted[name].accepts(value) and path not in told:
            told.add(path)
            owner = train.estimator.rpartition(".")[2]
            yield Finding(_RULE, path, f"{owner} takes {accepted[name]}, got {value!r}")


def resolve(subject: Subject, path: KeyPath, dotted: str) -> Generator[Finding, None, Definition | None]:
    """Yield what is wrong with a dotted path; returns its definition or None."""
    if "{{" in dotted:
        yield Finding(_RULE, path, "not checked: it is a template", "note")
        return None
    try:
        return subject.sources.find(dotted)
    except NotThere as error:
        odd = re.search(r"[^\w.:]", dotted)
        hint = f" (a path holds no {odd[0]!r}: write it as package.module.Name)" if odd else ""
        yield Finding(_RULE, path, f"cannot be imported: {error}{hint}")
    except NotChecked as error:
        yield Finding(_RULE, path, f"not checked: {error}", "note")
    return None


def _function(
    subject: Subject, path: KeyPath, dotted: str, *, places: int = 0, keywords: Iterable[str] = ()
) -> Iterator[Finding]:
    found = yield from resolve(subject, path, dotted)
    if found is None or found.node.decorator_list:
        return
    if isinstance(found.node, ast.ClassDef):
        yield Finding(_RULE, path, f"{dotted} is a class: name a function")
        return
    yield from _plain(path, found, "a DataFrame")
    if isinstance(found.node, ast.AsyncFunctionDef):
        return
    accepted, given = signature(found.node), set(keywords)
    if accepted.positional is not None and accepted.positional < places:
        yield Finding(_RULE, path, "takes no argument, but is called with the frame")
    for name in sorted(given - set(accepted.names)) if not accepted.open else ():
        at = (*path[:-1], "load_args", name)
        yield Finding(_RULE, at, f"{dotted} has no parameter {name!r}{did_you_mean(name, accepted.names)}")
    missing = [name for name in accepted.required[places:] if name not in given]
    if missing:
        how = "the frame alone" if places else "load_args alone"
        yield Finding(_RULE, path, f"needs the argument {', '.join(missing)}, but is called with {how}")


def _plain(path: KeyPath, found: Definition, what: str) -> Iterator[Finding]:
    """A function is a plain one that returns something."""
    if isinstance(found.node, ast.AsyncFunctionDef):
        yield Finding(_RULE, path, "is an async function: write a plain one")
    elif found.yields:
        yield Finding(_RULE, path, f"is a generator (it has yield): return {what}")
    elif not found.returns:
        yield Finding(_RULE, path, f"returns nothing: return {what}")


def _parameters(subject: Subject, found: Definition) -> Iterator[Finding]:
    train = subject.pipeline.train
    space = train.tune.space if train.tune else {}
    try:
        accepted = _call(found, subject)
    except NotChecked as error:
        yield Finding(_RULE, _ESTIMATOR, f"parameters are not checked: {error}", "note")
        return
    if accepted.open:
        yield Finding(_RULE, _ESTIMATOR, "parameters are not checked: it takes any keyword", "note")
        return
    for base, given in ((("train", "params"), train.params), (("train", "tune", "space"), space)):
        for name in given:
            if name not in accepted.names:
                part, nested, _ = name.partition("__")
                hint = did_you_mean(name, accepted.names)
                if nested and part in accepted.names:
                    hint = f": set those of {part} in a function that returns the estimator"
                yield Finding(_RULE, (*base, name), f"{train.estimator} has no parameter {name!r}{hint}")
    written = {*subject.written("train", "params"), *subject.written("train", "tune", "space")}
    missing = [name for name in accepted.required if name not in written]
    if missing:
        yield Finding(_RULE, _ESTIMATOR, f"needs {', '.join(missing)}: give them under train.params")
    for name in sorted(set(train.params) & set(space)):
        message = "has no effect: train.tune.space chooses it"
        yield Finding(_RULE, ("train", "params", name), message, "warning")


def _call(found: Definition, subject: Subject) -> Signature:
    if isinstance(found.node, ast.ClassDef):
        return lineage(found, subject.sources).constructor()
    if found.node.decorator_list:
        raise NotChecked(f"{found.node.name} has a decorator")
    return signature(found.node)


def _learns(dotted: str, line: Lineage) -> Iterator[Finding]:
    lacking = [name for name in ("fit", "predict") if not line.has(name)]
    if lacking and not line.gap:
        yield Finding(_RULE, _ESTIMATOR, f"{dotted} has no {' and no '.join(lacking)}: it is no estimator")
    elif not line.gap and not line.has("__sklearn_tags__"):
        base = "sklearn.base.BaseEstimator, with ClassifierMixin or RegressorMixin before it"
        message = f"derive {dotted} from {base}"
        yield Finding(_RULE, _ESTIMATOR, message)
