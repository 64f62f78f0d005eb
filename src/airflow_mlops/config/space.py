"""The forms of a search space: a range, a log range, or choices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import nearest

_SCALES: Final = ("loguniform", "log_uniform", "log-uniform", "logspace", "logarithmic", "uniform", "linear")


def is_log(form: Sequence[Any]) -> bool:
    """Whether ``form`` is written as a range on a log scale: ``[low, high, log]``."""
    return len(form) == 3 and form[2] == "log"


def is_range(form: Sequence[Any]) -> bool:
    """Whether ``form`` is a range (two numbers, then perhaps ``log``) and not a list of choices."""
    return (len(form) == 2 or is_log(form)) and all(_is_number(value) for value in form[:2])


def sampled_values(form: Sequence[Any]) -> list[Any]:
    """Return values that a search will sample: the ends of a range as it samples them, or every choice.

    >>> sampled_values([1, 10]), sampled_values([0.01, 1, "log"]), sampled_values(["gini", "entropy"])
    ([1, 10], [0.01, 1.0], ['gini', 'entropy'])
    """
    if not is_range(form):
        return list(form)
    low, high = form[:2]
    return [low, high] if isinstance(low, int) and isinstance(high, int) else [float(low), float(high)]


def check_form(form: Sequence[Any]) -> Sequence[Any]:
    """Return the search space of one parameter.

    Raises ConfigError when it is empty, low is not below high, or a log range does not start above 0.
    """
    if not form:
        raise ConfigError("must not be empty: write [low, high], [low, high, log] or choices")
    if is_log(form) and not is_range(form):
        raise ConfigError(f"a log range needs two numbers before `log`, got {list(form)}")
    if len(form) == 3 and all(map(_is_number, form[:2])) and _means_log(form[2]):
        raise ConfigError(f"only `log` is allowed after two numbers, got {form[2]!r}")
    if is_range(form) and not all(map(math.isfinite, form[:2])):
        raise ConfigError(f"a range must have two finite ends, got {list(form[:2])}")
    if is_range(form) and form[0] >= form[1]:
        raise ConfigError(f"low must be below high, got {form[0]} and {form[1]}")
    if is_range(form) and is_log(form) and form[0] <= 0:
        raise ConfigError(f"a log range must start above 0, got {form[0]}")
    return form


def _means_log(word: Any) -> bool:
    """Whether ``log`` was meant; other words, such as ``sqrt``, can be choices beside numbers."""
    if not isinstance(word, str) or word in ("log", "log2"):
        return False
    return word.lower() in _SCALES or nearest(word.lower(), ["log"], cutoff=0.6) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
