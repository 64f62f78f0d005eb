"""The rule about the estimator: it exists, it has fit and predict, and it takes its parameters.

An estimator of an installed library is asked for in a child process; the user's own class or function is
read, with the part of it that a library's base class has.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.classes import Signature, call_signature, lineage
from airflow_mlops.config.lint.finding import Finding, Subject, is_template
from airflow_mlops.config.lint.functions import cannot_import, check_result, resolve
from airflow_mlops.config.lint.libraries import Installed, NotChecked, NotThere
from airflow_mlops.config.lint.source import Definition
from airflow_mlops.config.space import sampled_values
from airflow_mlops.core.suggestions import did_you_mean

_ESTIMATOR: Final = ("train", "estimator")
_METHODS: Final = ("fit", "predict", "__sklearn_tags__")


def estimator(subject: Subject) -> Iterator[Finding]:
    """The estimator exists, has fit and predict, and takes its parameters."""
    dotted = subject.pipeline.train.estimator
    try:
        installed = None if is_template(dotted) else subject.sources.installed(dotted)
    except NotThere:
        installed = None
    if installed is not None:
        yield from _of_library(subject, installed)
        return
    found = yield from resolve(subject, _ESTIMATOR, dotted)
    if found is not None:
        yield from _of_user(subject, found)


def _of_library(subject: Subject, installed: Installed) -> Iterator[Finding]:
    dotted = subject.pipeline.train.estimator
    try:
        found = installed.describe()
    except NotThere as error:
        yield cannot_import(_ESTIMATOR, dotted, error)
        return
    except NotChecked as error:
        yield Finding(_ESTIMATOR, f"not checked: {error}", "note")
        return
    if found.parameters is None:
        yield _parameters_unchecked(f"{dotted} does not name them")
    else:
        yield from _parameters(subject, Signature(found.parameters, found.required, found.open))
    if found.kind == "class":
        yield from _values(subject, installed, found.parameters or ())
        yield from _methods(dotted, [name for name in _METHODS if name not in found.methods])


def _of_user(subject: Subject, found: Definition) -> Iterator[Finding]:
    dotted = subject.pipeline.train.estimator
    try:
        call = call_signature(found, subject.sources)
    except NotChecked as error:
        call = None
        yield _parameters_unchecked(str(error))
    if call is not None:
        yield from _parameters(subject, call)
    if not isinstance(found.node, ast.ClassDef):
        yield from () if found.node.decorator_list else check_result(_ESTIMATOR, found, "an estimator")
        return
    line = lineage(found, subject.sources)
    # The library's class that checks the parameters of a user's class: the nearest that has fit.
    fitted = next((item.path for item in line.classes if item.has("fit")), None)
    base = fitted and subject.sources.installed(fitted)
    if base and call is not None:
        yield from _values(subject, base, call.names)
    if not line.gap:
        yield from _methods(dotted, [name for name in _METHODS if not line.has(name)])


def _parameters_unchecked(reason: str) -> Finding:
    return Finding(_ESTIMATOR, f"parameters are not checked: {reason}", "note")


def _parameters(subject: Subject, accepted: Signature) -> Iterator[Finding]:
    """The parameters exist, none is missing, and none is written that the search replaces."""
    if accepted.open:
        yield _parameters_unchecked("it takes any keyword")
        return
    train = subject.pipeline.train
    space = train.tune.space if train.tune else {}
    for base, written in ((("train", "params"), train.params), (("train", "tune", "space"), space)):
        for name in written:
            if name not in accepted.names:
                part, nested, _ = name.partition("__")
                hint = did_you_mean(name, accepted.names)
                if nested and part in accepted.names:
                    hint = f": set those of {part} in a function that returns the estimator"
                yield Finding((*base, name), f"{train.estimator} has no parameter {name!r}{hint}")
    everywhere = {*subject.written("train", "params"), *subject.written("train", "tune", "space")}
    missing = [name for name in accepted.required if name not in everywhere]
    if missing:
        yield Finding(_ESTIMATOR, f"needs {', '.join(missing)}: add them to train.params")
    for name in sorted(set(train.params) & set(space)):
        yield Finding(("train", "params", name), "ignored: train.tune.space chooses its value", "warning")


def _values(subject: Subject, installed: Installed, names: Sequence[str]) -> Iterator[Finding]:
    """Each value, and both ends of each range, is one that the library takes, alone and with the others."""
    train = subject.pipeline.train
    params = {name: [value] for name, value in train.params.items() if name in names}
    space = train.tune.space if train.tune else {}
    tuned = {name: sampled_values(form) for name, form in space.items() if name in names}
    try:
        wrong = [
            *_refused(("train", "params"), installed, params),
            *_refused(("train", "tune", "space"), installed, tuned),
        ]
        yield from wrong or _refused_together(installed, params, tuned)
    except NotChecked as error:
        yield _parameters_unchecked(str(error))


def _refused(path: KeyPath, installed: Installed, values: Mapping[str, list[Any]]) -> Iterator[Finding]:
    reported = set()
    for name, number, expected in installed.ask("refused", values=values) if values else ():
        value = values[name][number]
        if name not in reported and not is_template(value):
            reported.add(name)
            message = f"{name} of {installed.name} must be {_as_yaml(expected)}, got {value!r}"
            yield Finding((*path, name), message)


def _as_yaml(expected: str) -> str:
    """Write what scikit-learn expects with YAML's word for None; its words come from a set, in any order."""
    named = re.sub(r"a str among \{(.*?)\}", lambda found: f"one of {_sorted(found[1])}", expected)
    return re.sub(r"\bNone\b", "null", named)


def _sorted(words: str) -> str:
    return ", ".join(sorted(words.split(", ")))


def _refused_together(
    installed: Installed, params: Mapping[str, list[Any]], tuned: Mapping[str, list[Any]]
) -> Iterator[Finding]:
    """Values that scikit-learn takes one by one but refuses together: it says so when it is fitted."""
    values = {**params, **tuned}
    every = [value for candidates in values.values() for value in candidates]
    unknown = any(isinstance(value, list | dict) or is_template(value) for value in every)
    if not values or unknown or not installed.module.startswith("sklearn."):
        return
    refusal = installed.ask("unfit", values=values)
    if refusal is not None:
        name, reason = refusal
        where: KeyPath = ("train", *(("tune", "space") if name in tuned else ("params",)), name)
        yield Finding(where, f"{installed.name} cannot be fitted with this value: {reason}")


def _methods(dotted: str, lacking: Sequence[str]) -> Iterator[Finding]:
    """An estimator has scikit-learn's methods."""
    absent = [name for name in lacking if name in ("fit", "predict")]
    if absent:
        yield Finding(_ESTIMATOR, f"{dotted} is not an estimator: it has no {' and no '.join(absent)}")
    elif lacking:
        base = "sklearn.base.BaseEstimator, with ClassifierMixin or RegressorMixin before it"
        yield Finding(_ESTIMATOR, f"{dotted} is not an estimator: derive it from {base}")
