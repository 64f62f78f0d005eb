"""Rules about the steps before an estimator, and about early stopping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject, is_template

_PARAMS: Final = ("early_stopping", "early_stopping_rounds", "early_stopping_round")
_OTHERS: Final = ("sklearn.", "imblearn.")


def preprocess(subject: Subject) -> Iterator[Finding]:
    """A column that gets a kind is a feature: neither the target nor a key."""
    section, data = subject.pipeline.train.preprocess, subject.pipeline.data
    if section is None:
        return
    for path, name in preprocessed_columns(subject):
        if name == data.target:
            yield Finding(path, f"{name!r} is the target, which is not a feature: remove it")
        elif name in data.keys and not subject.pipeline.features:
            yield Finding(path, f"{name!r} is a key, and keys are not features: remove it here or there")


def preprocessed_columns(subject: Subject) -> Iterator[tuple[KeyPath, str]]:
    """Yield every column that ``train.preprocess`` names, with its path."""
    section = subject.pipeline.train.preprocess
    for kind in ("number", "category", "date", "text", "drop") if section else ():
        for number, name in enumerate(getattr(section, kind)):
            yield ("train", "preprocess", kind, number), name


def early_stopping(subject: Subject) -> Iterator[Finding]:
    """Early stopping is asked of an estimator that has it here, and in one place only."""
    train = subject.pipeline.train
    if not train.early_stopping:
        return
    here, dotted = ("train", "early_stopping"), train.estimator
    if dotted.startswith(_OTHERS) and not is_template(dotted) and "HistGradientBoosting" not in dotted:
        needs = "needs XGBoost, LightGBM, CatBoost or HistGradientBoosting"
        yield Finding(here, f"{needs}, got {dotted}: remove the key or use one of these")
    space = train.tune.space if train.tune else {}
    for base, written in ((("train", "params"), train.params), (("train", "tune", "space"), space)):
        for name in _PARAMS:
            if name in written:
                yield Finding((*base, name), f"{name} cannot be used beside train.early_stopping: remove one")
