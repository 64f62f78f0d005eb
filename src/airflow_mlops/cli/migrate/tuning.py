"""The search over parameters, and each parameter's form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from airflow_mlops.cli.migrate.entry import Entry, carried, changed, left
from airflow_mlops.cli.migrate.part import Subject, number

_TUNING: Final = ("steps", "train", "tuning")
_SAMPLERS: Final = {"hyperopt.rand.suggest": "random", "hyperopt.tpe.suggest": "tpe"}
_MOST_TRIALS: Final = 10_000
_MOST_WORKERS: Final = 64
_LARGEST_EXPONENT: Final = 700
_FORMS: Final = "ranges are [low, high], [low, high, log] or a list of choices: write it by hand"

Form = tuple[list[Any] | None, str]


def tuning(subject: Subject) -> tuple[dict[str, Any] | None, list[Entry]]:
    """Return ``train.tune``, or None when nothing is searched, and what became of the values."""
    given = subject.at(*_TUNING)
    if not isinstance(given, Mapping):
        return None, []
    space, told = _space(subject)
    wanted = given.get("enabled", True) not in (False, None) and bool(space)
    if "enabled" in given:
        text = "train.tune" if wanted else "train.tune is left out: the search is off, or has no parameter"
        told.append(carried((*_TUNING, "enabled"), text))
    tune: dict[str, Any] = {"space": space}
    for key, ours, most in (
        ("max_trials", "n_trials", _MOST_TRIALS),
        ("parallelism", "workers", _MOST_WORKERS),
    ):
        if key in given:
            value = given[key]
            fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
            tune |= {ours: value} if fits else {}
            where, todo = f"train.tune.{ours}", f"set train.tune.{ours}, 1 to {most:,}"
            told.append(carried((*_TUNING, key), where) if fits else left((*_TUNING, key), todo))
    if "algorithm" in given:
        sampler = _SAMPLERS.get(str(given["algorithm"]))
        tune |= {"sampler": sampler} if sampler else {}
        todo = "samplers are tpe (the default) and random: set train.tune.sampler"
        path = (*_TUNING, "algorithm")
        told.append(carried(path, "train.tune.sampler") if sampler else left(path, todo))
    if "early_stop_fn" in given:
        todo = "a search ends after train.tune.n_trials: choose that number"
        told.append(left((*_TUNING, "early_stop_fn"), todo))
    if not wanted:
        off = "the search is off in the recipe: add train.tune with it when it is wanted"
        told = [item if item.path[-1] == "enabled" else left(item.path, off) for item in told]
    return (tune if wanted else None), told


def _space(subject: Subject) -> tuple[dict[str, Any], list[Entry]]:
    given = subject.at(*_TUNING, "parameters")
    space: dict[str, Any] = {}
    told: list[Entry] = []
    for name, details in given.items() if isinstance(given, Mapping) else ():
        path = (*_TUNING, "parameters", str(name))
        form, remark = _form(details)
        where = f"train.tune.space.{name}"
        if form is None:
            told.append(left(path, remark))
            continue
        space[str(name)] = form
        told.append(changed(path, f"{where}: {remark}") if remark else carried(path, where))
    return space, told


def _form(details: Any) -> Form:
    """Return one parameter's search space as we write it, and how it differs or why there is none."""
    if not isinstance(details, Mapping):
        return None, _FORMS
    values = details.get("values")
    if isinstance(values, list) and values and set(details) == {"values"}:
        return _choices(values)
    if set(details) != {"distribution", "low", "high"}:
        return None, _FORMS
    return _range(details["distribution"], details["low"], details["high"])


def _range(distribution: Any, low: Any, high: Any) -> Form:
    start, end = number(low), number(high)
    if start is None or end is None or not start < end:
        return None, _FORMS
    if distribution == "uniform":
        return [start, end], ""
    if distribution == "loguniform" and max(-start, end) < _LARGEST_EXPONENT:
        first, last = (float(f"{math.exp(exponent):.6g}") for exponent in (start, end))
        return ([first, last, "log"], "from exp(low) to exp(high)") if first < last else (None, _FORMS)
    return None, _FORMS


def _choices(values: list[Any]) -> Form:
    if any(isinstance(value, Mapping | list) for value in values):
        return None, "choices are plain values: write them by hand"
    if len(values) == 2 and all(number(value) is not None for value in values):
        if values[0] == values[1]:
            return None, "both choices are one: set it in train.params"
        return sorted(values), "two numbers are a range here, so values between them are tried too"
    if len(values) == 3 and values[2] == "log":
        return None, "this would read as a range on a log scale: write other choices"
    return values, ""
