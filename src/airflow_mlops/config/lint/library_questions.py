"""The questions about installed libraries that ``library_probe`` answers in its process.

It imports nothing of this project, and a library only when a question needs it.
"""

from __future__ import annotations

import importlib.util
import inspect
import itertools
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

_MAX_COMBINATIONS: Final = 200
_TRIAL_SECONDS: Final = 10.0
_QUICK_FIT: Final = {"max_iter": 5, "n_estimators": 3, "n_restarts_optimizer": 0, "n_jobs": 1, "verbose": 0}
"""Parameters that only make a fit longer or louder."""
MIXIN_TASKS: Final = {
    "ClassifierMixin": "classifier",
    "RegressorMixin": "regressor",
    "ClusterMixin": "clusterer",
    "OutlierMixin": "outlier_detector",
}

Values = Mapping[str, Sequence[Any]]


def find(module: str, name: str) -> Any:
    """Import ``module`` and return what ``name`` is in it."""
    return getattr(importlib.import_module(module), name)


def describe(module: str, name: str) -> dict[str, Any]:
    """Say what a name of a library is: its parameters, methods and task, or which names are near it."""
    home = importlib.import_module(module)
    if not hasattr(home, name):
        if hasattr(home, "__path__") and importlib.util.find_spec(f"{module}.{name}"):
            return {"kind": "module"}
        return {"kind": "missing", "known": _public_names(module), "elsewhere": _elsewhere(module, name)}
    found = find(module, name)
    if not callable(found):
        return {"kind": "module" if inspect.ismodule(found) else "value"}
    answer: dict[str, Any] = {"kind": "class" if inspect.isclass(found) else "function", **_signature(found)}
    methods = ("fit", "predict", "predict_proba", "__sklearn_tags__")
    return answer | {
        "methods": [method for method in methods if hasattr(found, method)],
        "task": _task(found),
    }


def _public_names(module: str) -> list[str]:
    return [name for name in dir(importlib.import_module(module)) if not name.startswith("_")]


def _elsewhere(module: str, name: str) -> str | None:
    """Return where scikit-learn has an estimator that was looked for in the package itself."""
    if module != "sklearn":
        return None
    from sklearn.utils import all_estimators

    paths = [found.__module__ for known, found in all_estimators() if known == name]
    public = [part for part in paths[0].split(".") if not part.startswith("_")] if paths else []
    return ".".join([*public, name]) if public else None


def _signature(found: Callable[..., Any]) -> dict[str, Any]:
    try:
        parameters = inspect.signature(found).parameters.values()
    except (ValueError, TypeError):
        return {"parameters": None, "required": [], "open": True}
    named = [item for item in parameters if item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)]
    return {
        "parameters": [item.name for item in named],
        "required": [item.name for item in named if item.default is item.empty],
        "open": any(item.kind == item.VAR_KEYWORD for item in parameters),
    }


def _task(found: Any) -> str | None:
    names = [base.__name__ for base in inspect.getmro(found)] if inspect.isclass(found) else ()
    by_mixin = (task for mixin, task in MIXIN_TASKS.items() if mixin in names)
    return next(by_mixin, None) or getattr(found, "_estimator_type", None)


def fits_with(module: str, name: str, argument: str) -> bool:
    """Say whether the method ``fit`` of a class takes an argument; a function is asked when it is called."""
    found = find(module, name)
    if not hasattr(found, "fit"):
        return True
    taken = _signature(found.fit)
    return bool(taken["open"] or argument in (taken["parameters"] or ()))


def refused(module: str, name: str, values: Values) -> list[tuple[str, int, str]]:
    """Return the values that scikit-learn's own validation refuses: parameter, number, what it must be."""
    table = getattr(find(module, name), "_parameter_constraints", None)
    if not isinstance(table, dict):
        return []
    from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints

    found = []
    for parameter, candidates in values.items():
        for number, value in enumerate(candidates):
            try:
                validate_parameter_constraints(table, {parameter: value}, name)
            except InvalidParameterError as error:
                must = re.search(r"must be (.*)\. Got ", str(error), re.DOTALL)
                found.append((parameter, number, must[1] if must else str(error)))
    return found


def without_probability(module: str, name: str, values: Values) -> str | None:
    """Say why an estimator with these values has no ``predict_proba``; None when it has one."""
    found = find(module, name)
    if not hasattr(found, "predict_proba"):
        return "it does not have the method"
    unknown = [parameter for parameter, candidates in values.items() if not candidates]
    known = {parameter: candidates for parameter, candidates in values.items() if candidates}
    first = {parameter: candidates[0] for parameter, candidates in known.items()}
    mixes = [first] + [{**first, name: value} for name, rest in known.items() for value in rest[1:]]
    for mix in mixes:
        try:
            found(**mix).predict_proba  # noqa: B018  # scikit-learn decides when it is asked for
        except AttributeError as error:
            reason = str(error.__cause__ or error)
            return None if any(_mentions(reason, parameter) for parameter in unknown) else reason
        except (TypeError, ValueError):  # it cannot be made from these alone: another rule reports that
            return None
    return None


def unfit(module: str, name: str, values: Values) -> tuple[str, str] | None:
    """Return a parameter whose value scikit-learn refuses with all values of the others, and why.

    It is found by fitting a few made-up rows. What depends on the rows is not reported: the reason must be
    the same for two different sets of rows, must name a parameter, and must not come with the defaults.
    """
    trial = Trial(find(module, name))
    if trial.refusal({}) is not None:
        return None
    accepted: set[tuple[str, int]] = set()
    for mix in _mixes(values):
        if trial.refusal(_chosen(values, mix)) is None:
            accepted |= set(mix.items())
    for parameter, candidates in values.items():
        for number in range(len(candidates)):
            if (parameter, number) not in accepted:
                reason = _always_refused(trial, values, parameter, number)
                if reason is not None:
                    return parameter, reason
    return None


def _mixes(values: Values) -> Iterator[dict[str, int]]:
    """Yield few choices that together have every value once."""
    for turn in range(max(map(len, values.values()), default=0)):
        yield {parameter: turn % len(candidates) for parameter, candidates in values.items()}


def _chosen(values: Values, mix: Mapping[str, int]) -> dict[str, Any]:
    return {parameter: values[parameter][number] for parameter, number in mix.items()}


def _always_refused(trial: Trial, values: Values, parameter: str, number: int) -> str | None:
    """Return why one value is refused whatever the others are, when it is to blame for it."""
    free = {name: range(len(candidates)) for name, candidates in values.items() if name != parameter}
    every = list(itertools.islice(itertools.product(*free.values()), _MAX_COMBINATIONS))
    if len(every) == _MAX_COMBINATIONS:
        return None
    reasons = []
    for numbers in every:
        mix = _chosen(values, {parameter: number, **dict(zip(free, numbers, strict=True))})
        reason = trial.refusal(mix)
        if reason is None:
            return None
        others = {name: value for name, value in mix.items() if name != parameter}
        innocent = not (_mentions(reason, parameter, mix[parameter]) or trial.refusal(others) is None)
        if innocent:
            return None
        reasons.append(reason)
    return reasons[0]


def _mentions(text: str, name: str, value: Any = None) -> bool:
    words = [name, value] if isinstance(value, str) and len(value) > 1 else [name]
    return any(re.search(rf"(?<![A-Za-z0-9_]){re.escape(word)}(?![A-Za-z0-9_])", text) for word in words)


class Trial:
    """Fits an estimator on two small sets of rows."""

    def __init__(self, estimator: Callable[..., Any]) -> None:
        self._estimator = estimator
        self._parameters = list(inspect.signature(estimator).parameters)
        self._rows = [_rows(40, 4, _task(estimator), 2), _rows(90, 7, _task(estimator), 3)]
        self._seen: dict[str, str | None] = {}
        self._deadline = time.monotonic() + _TRIAL_SECONDS

    def refusal(self, mix: Mapping[str, Any]) -> str | None:
        """Return why scikit-learn refuses these parameters together; None also when the time is over."""
        key = repr(sorted(mix.items()))
        if key not in self._seen:
            if time.monotonic() > self._deadline:
                return None
            short = {name: value for name, value in _QUICK_FIT.items() if name in self._parameters}
            self._seen[key] = self._refusal({**mix, **short})
        return self._seen[key]

    def _refusal(self, mix: Mapping[str, Any]) -> str | None:
        reasons = []
        for rows, target in self._rows:
            try:
                self._estimator(**mix).fit(rows, target)
                return None
            except (ValueError, NotImplementedError) as error:
                if type(error).__name__ == "InvalidParameterError":  # ``refused`` reports it
                    return None
                reasons.append(str(error).strip().rstrip("."))
            except Exception:  # noqa: BLE001  # nothing that scikit-learn means to say about parameters
                return None
        named = any(_mentions(reasons[0], name) for name in self._parameters)
        return reasons[0] if named and len(set(reasons)) == 1 else None


def _rows(count: int, width: int, task: str | None, classes: int) -> tuple[Any, Any]:
    import numpy as np

    draw = np.random.default_rng(0)
    rows = draw.uniform(0.1, 1.0, (count, width))
    return rows, np.arange(count) % classes if task == "classifier" else rows.sum(axis=1)


def expectation(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Build an expectation of Great Expectations; return its arguments and what it refuses."""
    importlib.import_module("great_expectations.expectations.core")
    from great_expectations.expectations import registry
    from great_expectations.expectations.expectation import BatchExpectation

    known = registry.list_registered_expectation_implementations()
    if name not in known:
        return {"known": [other for other in known if other.startswith("expect_")]}
    built = registry.get_expectation_impl(name)
    fields = {key: bool(field.required) for key, field in built.__fields__.items() if key[0] != "_"}
    own = [key for key in fields if key not in BatchExpectation.__fields__]
    faults = []
    try:
        built(**arguments)
    except (ValueError, TypeError) as error:  # pydantic's, or what a validator of the class raises
        errors = error.errors() if hasattr(error, "errors") else [{"loc": (), "msg": str(error)}]
        faults = [(item["loc"], item["msg"]) for item in errors]
    return {"fields": fields, "own": own, "faults": faults}


def operator(module: str, name: str) -> dict[str, Any]:
    """Say what an Airflow operator takes: its own parameters, and those that it hands to its bases."""
    found = find(module, name)
    names: list[str] = []
    answer = {"operator": inspect.isclass(found) and hasattr(found, "execute"), "names": names}
    answer |= {"required": _signature(found)["required"], "open": True}
    for base in inspect.getmro(found) if answer["operator"] else ():
        if "__init__" in vars(base) and base is not object:
            taken = _signature(base)
            names += taken["parameters"] or ()
            if not taken["open"] or base.__name__ == "BaseOperator":  # it refuses what it does not know
                return answer | {"open": taken["parameters"] is None}
    return answer


QUESTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    question.__name__: question
    for question in (describe, fits_with, refused, without_probability, unfit, expectation, operator)
}
