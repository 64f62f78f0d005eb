"""The short way to a scikit-learn model: a plain array instead of a frame, where that gives the same answers.

Half a millisecond of a small prediction is the making of a frame. A model whose columns are all numbers and
whose feature step passes them on as they are takes an array as well; the proof is made at load time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from statistics import median
from timeit import repeat
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.serving.payload import Signature

QUICK_S: Final = 0.002
_PROBES: Final = 16
_NUMBERS: Final = ("float64", "int64")
_WITH_THRESHOLD: Final = ("FixedThresholdClassifier", "TunedThresholdClassifierCV")
"""Wrappers whose inner estimator would miss the names of the columns."""


def array_model(raw: Any, signature: Signature | None) -> Any:
    """Return a copy of an estimator that takes arrays in the signature's order, or None if there is none.

    The estimator must be scikit-learn's own, behind at most a feature step that changes nothing.
    """
    if signature is None or any(column.dtype not in _NUMBERS for column in signature.columns):
        return None
    names = [column.name for column in signature.columns]
    estimator = _last_step(raw, names)
    known = getattr(estimator, "feature_names_in_", None)
    if known is None or list(known) != names or not type(estimator).__module__.startswith("sklearn."):
        return None
    if hasattr(estimator, "steps") or hasattr(estimator, "transformers"):
        return None
    if type(estimator).__name__ in _WITH_THRESHOLD:
        return None
    # Without the names it does not miss them; the original keeps its own.
    bare = copy.copy(estimator)
    del bare.feature_names_in_
    return bare


def _last_step(raw: Any, names: Sequence[str]) -> Any:
    """Return the estimator behind a feature step that only checks types, else ``raw`` itself."""
    steps = getattr(raw, "steps", None)
    if steps is None or len(steps) != 2:
        return raw
    arguments = getattr(steps[0][1], "kw_args", None)
    if not isinstance(arguments, dict) or "build" not in arguments or arguments["build"] is not None:
        return raw
    dtypes = arguments.get("dtypes", {})
    return steps[1][1] if all(dtypes.get(name) in _NUMBERS for name in names) else raw


def agrees(
    by_array: Callable[[Any], Any], by_frame: Callable[[pd.DataFrame], Any], names: Sequence[str]
) -> bool:
    """Return whether both ways give the same labels, and scores that round alike, on made-up numbers.

    ``by_array`` and ``by_frame`` return answers with ``values`` and ``scores``.
    """
    probes = np.random.default_rng(0).normal(0, 10, (_PROBES, len(names))).round()
    try:
        ours, theirs = by_array(probes), by_frame(pd.DataFrame(probes, columns=list(names)))
        return _alike(ours.values, theirs.values) and _alike(ours.scores, theirs.scores)
    except Exception:  # noqa: BLE001 - a model's own code may raise anything; the long way will say what
        return False


def _alike(ours: Any, theirs: Any) -> bool:
    # The layout of a frame in memory changes the order of sums, and with it the last bit of a float.
    if ours and isinstance(ours[0], float):
        return bool(np.allclose(ours, theirs, rtol=1e-12, atol=1e-12))
    return bool(ours == theirs)


def is_quick(predict: Callable[[Any], Any], columns: int) -> bool:
    """Return whether one row takes so little time that a thread would cost more than it frees."""
    row = np.zeros((1, columns))
    return median(repeat(lambda: predict(row), number=1, repeat=9)) <= QUICK_S
