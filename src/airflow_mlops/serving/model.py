"""A loaded model: its signature, its predictions, its health on golden rows."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import mlflow
import numpy as np
import pandas as pd

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.serving.fast import agrees, array_model, is_quick
from airflow_mlops.serving.payload import BadInputError, Payload, Signature

# Estimators whose predict() is the class of the highest predict_proba(): one pass gives both.
_ONE_PASS: Final = frozenset({
    "DecisionTreeClassifier", "ExtraTreesClassifier", "GradientBoostingClassifier",
    "HistGradientBoostingClassifier", "LogisticRegression", "RandomForestClassifier",
})  # fmt: skip


@dataclass(frozen=True)
class Predictions:
    """One prediction per row, JSON values, and the score of the positive class where there is one."""

    values: list[Any]
    scores: list[float] | None


@dataclass(frozen=True)
class Prepared:
    """Checked rows, ready for a model. Those with the same ``key`` can be predicted together."""

    rows: int
    key: tuple[str, ...] | None
    columns: Mapping[str, list[Any]]
    payload: Payload


class Model:
    """One version in memory; ``quick`` when a prediction costs less than handing it to a thread."""

    def __init__(self, version: int, uri: str, pyfunc: Any, raw: Any) -> None:
        self.version = version
        self.uri = uri
        self._pyfunc = pyfunc
        self._raw = raw
        self._signature = _compiled(pyfunc.metadata.signature)
        self._dtypes = {c.name: c.dtype for c in self._signature.columns} if self._signature else {}
        self._bare: Any = None
        self._required: tuple[str, ...] = ()
        self.quick = False

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """(name, MLflow type) of the columns that the model takes; empty when it names none."""
        return tuple((c.name, c.type) for c in self._signature.columns) if self._signature else ()

    def prepare(self, payload: Payload) -> Prepared:
        """Check rows against the signature; raises BadInputError naming the column."""
        if self._signature is None:
            return Prepared(payload.rows, None, {}, payload)
        columns = self._signature.check(payload)
        return Prepared(payload.rows, tuple(columns), columns, payload)

    def shorten(self) -> bool:
        """Take the short way from now on if it is proven to give the same answers; says whether it is."""
        bare = array_model(self._raw, self._signature)
        if bare is None or self._signature is None:
            return False
        names = [column.name for column in self._signature.columns]

        def by_array(rows: Any) -> Predictions:
            return _asked(bare, rows)

        if agrees(by_array, self._predict_frame, names):
            self._bare = bare
            self._required = tuple(names)
            self.quick = is_quick(by_array, len(names))
        return self._bare is not None

    def predict(self, prepared: Sequence[Prepared]) -> Predictions:
        """Predict rows that share one key, all at once; raises whatever the model raises."""
        first = prepared[0]
        if first.key is None:
            data = first.payload.columns
            frame = np.asarray(first.payload.array) if data is None else pd.DataFrame(data)
            return Predictions(_plain(self._pyfunc.predict(frame)), None)
        if self._bare is not None and first.key == self._required:
            columns = [[v for item in prepared for v in item.columns[name]] for name in first.key]
            return _asked(self._bare, np.array(columns, dtype="float64").T)
        joined = {
            name: _column([value for item in prepared for value in item.columns[name]], self._dtypes[name])
            for name in first.key
        }
        return self._predict_frame(pd.DataFrame(joined))

    def _predict_frame(self, frame: pd.DataFrame) -> Predictions:
        if self._raw is None:
            return Predictions(_plain(self._pyfunc.predict(frame)), None)
        return _asked(self._raw, frame)


def _asked(model: Any, rows: Any) -> Predictions:
    """Return the labels and scores of a scikit-learn model, in one pass where one is enough."""
    binary = len(getattr(model, "classes_", ())) == 2 and hasattr(model, "predict_proba")
    if not binary:
        values = _plain(model.predict(rows))
        numeric = not hasattr(model, "classes_") and all(isinstance(v, float) for v in values)
        return Predictions(values, values if numeric else None)
    chances = np.asarray(model.predict_proba(rows))
    final = model.steps[-1][1] if hasattr(model, "steps") else model
    if type(final).__name__ in _ONE_PASS:
        labels = np.asarray(model.classes_)[chances.argmax(axis=1)]
    else:
        labels = model.predict(rows)
    return Predictions(_plain(labels), [float(p) for p in chances[:, 1]])


def load(version: int, uri: str, folder: Path, tracking_uri: str) -> Model:
    """Load a version, keep a copy under ``folder`` for the next start, and try it on its golden rows.

    ``uri`` is any MLflow model URI. Blocks; call it off the event loop. Raises BackendError when MLflow
    does not answer and ConfigError when the model cannot be loaded or fails its golden rows.
    """
    mlflow.set_tracking_uri(tracking_uri)
    local = folder / f"{version}-{sha256(uri.encode()).hexdigest()[:12]}"
    try:
        if not local.exists():
            _download(uri, local)
        pyfunc = mlflow.pyfunc.load_model(str(local))
        model = Model(version, uri, pyfunc, _raw(pyfunc))
    except Exception as error:
        if _unreachable(error):
            raise BackendError(f"MLflow at {tracking_uri} does not answer: {_line(error)}") from error
        raise ConfigError(f"{uri}: {_line(error)}") from error
    golden = local / "golden.json"
    document = json.loads(golden.read_text()) if golden.exists() else None
    if document is not None:
        _try_golden(model, document)
    if model.shorten() and document is not None:
        _try_golden(model, document)
    return model


def forget(version: int, folder: Path) -> None:
    """Delete the downloaded copies of a version."""
    for local in folder.glob(f"{version}-*"):
        shutil.rmtree(local, ignore_errors=True)


def alias_version(name: str, alias: str, tracking_uri: str) -> int | None:
    """Return the version of an alias in MLflow, None when there is none; raises BackendError."""
    mlflow.set_tracking_uri(tracking_uri)
    try:
        return int(mlflow.MlflowClient().get_model_version_by_alias(name, alias).version)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise BackendError(f"MLflow at {tracking_uri} does not answer: {_line(error)}") from error


def _download(uri: str, local: Path) -> None:
    partial = local.with_name(f"{local.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    got = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(partial)))
    golden = next(iter(sorted(got.rglob("golden.json"))), None)
    document = golden.read_text() if golden else _golden_of_run(got)
    if document is not None:
        (got / "golden.json").write_text(document)
    got.rename(local)
    shutil.rmtree(partial, ignore_errors=True)


def _golden_of_run(folder: Path) -> str | None:
    run_id = mlflow.models.Model.load(str(folder)).run_id
    if run_id is None:
        return None
    names = {item.path for item in mlflow.MlflowClient().list_artifacts(run_id)}
    return mlflow.artifacts.load_text(f"runs:/{run_id}/golden.json") if "golden.json" in names else None


def _try_golden(model: Model, golden: Mapping[str, Any]) -> None:
    """Raise ConfigError when the model no longer predicts what it predicted when it was trained."""
    rows, names = golden["rows"], golden.get("columns")
    if not rows:
        return
    if names is None:
        names = list(rows[0])
        rows = [[row[name] for name in names] for row in rows]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    try:
        found = model.predict([model.prepare(Payload(len(rows), columns))]).values
    except Exception as error:
        raise ConfigError(f"version {model.version} fails on its golden rows: {_line(error)}") from error
    for row, (got, expected) in enumerate(zip(found, golden["predictions"], strict=True)):
        if not _same(got, expected):
            raise ConfigError(
                f"version {model.version}, golden row {row}: predicts {got!r}, at training time "
                f"{expected!r}: the environment differs from the one that it was trained in"
            )


def _same(got: Any, expected: Any) -> bool:
    if isinstance(got, float) or isinstance(expected, float):
        return (
            got is not None
            and expected is not None
            and math.isclose(got, expected, rel_tol=1e-6, abs_tol=1e-9)
        )
    return bool(got == expected)


def _compiled(signature: Any) -> Signature | None:
    inputs = getattr(signature, "inputs", None)
    if inputs is None or inputs.is_tensor_spec() or not inputs.has_input_names():
        return None
    return Signature.compile(
        [(c.name, str(getattr(c.type, "name", c.type)), c.required) for c in inputs.inputs]
    )


def _raw(pyfunc: Any) -> Any:
    """Return the scikit-learn estimator behind a model that predicts with it, else None."""
    flavor = pyfunc.metadata.flavors.get("python_function", {})
    if flavor.get("loader_module") != "mlflow.sklearn" or flavor.get("predict_fn", "predict") != "predict":
        return None
    return pyfunc.get_raw_model()


def _column(values: list[Any], dtype: str) -> Any:
    return pd.array(values, dtype="str") if dtype == "str" else np.array(values, dtype=dtype)


def _plain(values: Any) -> list[Any]:
    if isinstance(values, pd.DataFrame):
        return [dict(zip(values.columns, row, strict=True)) for row in values.to_numpy().tolist()]
    plain: list[Any] = np.asarray(values).tolist()
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in plain]


def _unreachable(error: BaseException) -> bool:
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    return isinstance(error, mlflow.exceptions.MlflowException) and str(error).startswith("API request to")


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"


__all__ = ["BadInputError", "Model", "Predictions", "Prepared", "alias_version", "forget", "load"]
