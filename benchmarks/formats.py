"""What the formats of models cost, and which estimators of scikit-learn come back with equal answers.

Processor seconds of writing and loading a model by cloudpickle and by skops; then every classifier and
regressor that fits one target without further arguments is written by skops, loaded and asked.
"""

from __future__ import annotations

import pickle
import time
import warnings
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils import all_estimators

from airflow_mlops.training.estimators import answers, assemble
from airflow_mlops.training.safe_format import quiet_search, trusted_types

COLUMNS = list("abcdefghij")


def table(rows: int) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return features from 0 up, two classes, and numbers."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(np.abs(rng.normal(size=(rows, len(COLUMNS)))), columns=COLUMNS)
    return frame, (frame["a"] + rng.normal(size=rows) > frame["b"]).astype(int), frame["a"] * 2 + frame["b"]


def spent(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what ``call`` returns, and its processor seconds."""
    began = time.process_time()
    found = call()
    return found, time.process_time() - began


def cost(name: str, estimator: Any) -> None:
    """Print what writing and loading one model costs."""
    frame, target, _ = table(20_000)
    _, fit = spent(lambda: estimator.fit(frame, target))
    model = assemble(frame, None, estimator)
    pickled, dumped = spent(lambda: cloudpickle.dumps(model))
    _, loaded = spent(lambda: pickle.loads(pickled))
    held, written = spent(lambda: skops.io.dumps(model))
    trusted = list(trusted_types(model))
    _, read = spent(lambda: skops.io.loads(held, trusted=trusted))
    print(
        f"{name}: fit {fit:.2f} s; cloudpickle {len(pickled) / 1e6:.2f} MB, written {dumped:.3f} s, loaded "
        f"{loaded:.3f} s; skops {len(held) / 1e6:.2f} MB, written {written:.3f} s, loaded {read:.3f} s"
    )


def comes_back(cls: Any, frame: pd.DataFrame, target: pd.Series) -> bool | None:
    """Return whether a model answers as before after skops; None when it cannot be fitted like this."""
    try:
        model = assemble(frame, None, cls().fit(frame, target))
    except Exception:  # noqa: BLE001 - some need arguments, others several targets
        return None
    trusted = list(trusted_types(model))
    expected = answers(model, frame)
    found = answers(skops.io.loads(skops.io.dumps(model), trusted=trusted), frame)
    return all(
        (one is None and other is None) or np.array_equal(one, other)
        for one, other in zip(expected, found, strict=True)
    )


def main() -> None:
    """Print both tables."""
    warnings.simplefilter("ignore")
    with quiet_search():
        cost("LogisticRegression", LogisticRegression())
        cost("RandomForestClassifier(300)", RandomForestClassifier(300, random_state=0))
        frame, classes, numbers = table(120)
        frame = frame[COLUMNS[:4]]
        found = {
            name: comes_back(cls, frame, classes if kind == "classifier" else numbers)
            for kind in ("classifier", "regressor")
            for name, cls in all_estimators(kind)
        }
    unequal = [name for name, equal in found.items() if equal is False]
    print(f"{sum(equal is True for equal in found.values())} estimators come back with equal answers")
    print(f"with others: {', '.join(unequal) or 'none'}")
    print(f"not tried: {', '.join(name for name, equal in found.items() if equal is None)}")


if __name__ == "__main__":
    main()
