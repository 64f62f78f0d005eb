"""Bringing a version from MLflow into memory: golden rows, the copy on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import mlflow

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.serving.copies import bring_copy, names_of
from airflow_mlops.serving.fetching import Fetcher, failure, line
from airflow_mlops.serving.model import Model
from airflow_mlops.serving.payload import Payload
from airflow_mlops.serving.safe_formats import check_format
from airflow_mlops.serving.warm_up import samples_of

_NAMED: Final = 3
"""Golden rows that a message names."""


def load(
    version: int,
    uri: str,
    folder: Path,
    fetcher: Fetcher,
    copy: str = "",
    *,
    digest: str = "",
    only_safe: bool = False,
) -> Model:
    """Load a version, keep a copy under ``folder`` for the next start, and try it on its golden rows.

    ``uri`` is any MLflow model URI; another ``copy`` is downloaded again; ``digest`` names the model that
    it must be (empty: any); ``only_safe`` refuses formats that run code of their own.
    Blocks; call it off the event loop. Raises BackendError when MLflow does not answer and ConfigError when
    the model cannot be loaded or fails its golden rows.
    """
    mlflow.set_tracking_uri(fetcher.tracking_uri)
    try:
        local = bring_copy(folder, version, uri, fetcher, copy, digest)
        if only_safe:
            check_format(local, f"version {version}")
        pyfunc = mlflow.pyfunc.load_model(str(local))
        model = Model(version, uri, pyfunc, _raw(pyfunc))
        model.names = tuple(names_of(local))
    except (BackendError, ConfigError):
        raise
    except Exception as error:
        raise failure(error, fetcher.tracking_uri, uri) from error
    file = local / "golden.json"
    golden = json.loads(file.read_text()) if file.exists() else {"rows": []}
    _try_golden(model, golden)
    if model.shorten():
        _try_golden(model, golden)
    inputs = getattr(pyfunc.metadata.signature, "inputs", None)
    model.samples = samples_of(local, golden, inputs)
    return model


def _try_golden(model: Model, golden: Mapping[str, Any]) -> None:
    """Raise ConfigError when the model no longer answers what it answered when it was trained."""
    rows, names = golden["rows"], golden.get("columns")
    if not rows:
        return
    if names is None:
        names = list(rows[0])
        rows = [[row[name] for name in names] for row in rows]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    subject = f"version {model.version}" if model.version else "the model"
    try:
        found = model.predict([model.prepare(Payload(len(rows), columns))])
    except Exception as error:
        raise ConfigError(f"{subject} fails on its golden rows: {line(error)}") from error
    given = len(found.values) if isinstance(found.values, list) else 1
    if given != len(rows):
        raise ConfigError(f"{subject} gives {given} predictions for {len(rows)} golden rows")
    wrong = []
    scores = golden.get("scores") if found.scores is not None else None
    for what, got, expected in (
        ("predicts", found.values if found.unnamed is None else found.unnamed, golden["predictions"]),
        ("scores", found.scores or [], scores or []),
    ):
        pairs = zip(got, expected, strict=True) if expected else ()
        wrong += [
            f"golden row {row}: {what} {one!r}, at training time {other!r}"
            for row, (one, other) in enumerate(pairs)
            if not _same(one, other)
        ]
    if wrong:
        more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        why = ": the environment differs from the one that it was trained in" if model.version else ""
        raise ConfigError(f"{subject}, {'; '.join(wrong[:_NAMED])}{more}{why}")


def _same(got: Any, expected: Any) -> bool:
    kinds = {type(got), type(expected)}
    if float in kinds and kinds <= {int, float}:
        return math.isclose(got, expected, rel_tol=1e-6, abs_tol=1e-9)
    return bool(got == expected)


def _raw(pyfunc: Any) -> Any:
    """Return the scikit-learn estimator behind a model that predicts with it, else None."""
    flavor = pyfunc.metadata.flavors.get("python_function", {})
    if flavor.get("loader_module") != "mlflow.sklearn" or flavor.get("predict_fn", "predict") != "predict":
        return None
    return pyfunc.get_raw_model()
