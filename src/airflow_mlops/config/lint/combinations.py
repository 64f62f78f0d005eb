"""Rules about parameters that scikit-learn takes one by one, but refuses together when it fits."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.classes import lineage
from airflow_mlops.config.lint.estimator_kind import given
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.lint.source import NotChecked, NotThere

_RULE: Final = "code"
_MOST: Final = 1_000


@dataclass(frozen=True)
class Refusal:
    """What a class refuses: ``defaults`` of the parameters that count, and why it refuses their values."""

    defaults: Mapping[str, Any]
    reason: Callable[[Mapping[str, Any]], str | None]


def combinations(subject: Subject) -> Iterator[Finding]:
    """No value of a parameter is refused with every value that the others can have."""
    try:
        found = subject.sources.find(subject.pipeline.train.estimator)
    except (NotThere, NotChecked):
        return
    names = [item.node.name for item in lineage(found, subject.sources).classes]
    refusals = [_REFUSALS[name] for name in names if name in _REFUSALS]
    for refusal in refusals[:1]:
        yield from _refused(subject, refusal)


def _refused(subject: Subject, refusal: Refusal) -> Iterator[Finding]:
    options = {name: [value] for name, value in refusal.defaults.items()}
    written = {name: list(values) for name, values in given(subject).items() if name in options}
    options |= written
    every = [value for values in options.values() for value in values]
    if any(isinstance(value, list | dict) or "{{" in str(value) for value in every):
        return
    mixed = list(itertools.islice(itertools.product(*options.values()), _MOST))
    if any(not values for values in options.values()) or len(mixed) == _MOST:
        return
    mixes = [dict(zip(options, values, strict=True)) for values in mixed]
    judged = [(mix, refusal.reason(mix)) for mix in mixes]
    for name, values in written.items():
        for value in values:
            told = [reason for mix, reason in judged if mix[name] is value or mix[name] == value]
            if told and all(told):
                tuned = name in subject.written("train", "tune", "space")
                where: KeyPath = ("train", *(("tune", "space") if tuned else ("params",)), name)
                yield Finding(_RULE, where, str(told[0]))
                return


def _logistic(mix: Mapping[str, Any]) -> str | None:
    penalty, solver = mix["penalty"], mix["solver"]
    if penalty == "deprecated":
        ratio = mix["l1_ratio"]
        penalty = "l2" if ratio in (0, None) else "l1" if ratio == 1 else "elasticnet"
    if penalty == "elasticnet" and solver != "saga":
        return f"an elastic net needs the solver saga, not {solver}"
    if penalty == "l1" and solver not in ("liblinear", "saga"):
        return f"the penalty l1 needs the solver liblinear or saga, not {solver}"
    if penalty is None and solver == "liblinear":
        return "the solver liblinear cannot do without a penalty"
    if mix["dual"] is True and solver != "liblinear":
        return f"dual: true needs the solver liblinear, not {solver}"
    return None


def _linear_svc(mix: Mapping[str, Any]) -> str | None:
    penalty, loss, dual = mix["penalty"], mix["loss"], mix["dual"]
    if penalty == "l1" and loss == "hinge":
        return "the penalty l1 does not go with the loss hinge"
    if penalty == "l1" and dual is True:
        return "the penalty l1 needs dual: false"
    if loss == "hinge" and dual is False:
        return "the loss hinge needs dual: true"
    return None


def _discriminant(mix: Mapping[str, Any]) -> str | None:
    refused = mix["solver"] == "svd" and mix["shrinkage"] is not None
    return "the solver svd knows no shrinkage: take lsqr or eigen" if refused else None


def _forest(mix: Mapping[str, Any]) -> str | None:
    if mix["bootstrap"] is not False:
        return None
    if mix["oob_score"] not in (False, None):
        return "oob_score needs bootstrap: true"
    return "max_samples needs bootstrap: true" if mix["max_samples"] is not None else None


_TREES: Final = {"oob_score": False, "max_samples": None}
_REFUSALS: Final[Mapping[str, Refusal]] = {
    "LogisticRegression": Refusal(
        {"penalty": "deprecated", "l1_ratio": 0.0, "solver": "lbfgs", "dual": False}, _logistic
    ),
    "LinearSVC": Refusal({"penalty": "l2", "loss": "squared_hinge", "dual": "auto"}, _linear_svc),
    "LinearDiscriminantAnalysis": Refusal({"shrinkage": None, "solver": "svd"}, _discriminant),
    "RandomForestClassifier": Refusal({**_TREES, "bootstrap": True}, _forest),
    "RandomForestRegressor": Refusal({**_TREES, "bootstrap": True}, _forest),
    "ExtraTreesClassifier": Refusal({**_TREES, "bootstrap": False}, _forest),
    "ExtraTreesRegressor": Refusal({**_TREES, "bootstrap": False}, _forest),
}
"""As scikit-learn 1.9 has it, by class."""
