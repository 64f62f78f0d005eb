"""A loaded model: its signature and its predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.core.positive_class import place_in_model
from airflow_mlops.core.tags import COLUMN_TYPES
from airflow_mlops.serving.arithmetic import computation
from airflow_mlops.serving.fast import agrees, array_model, is_quick
from airflow_mlops.serving.gaps import without_gaps
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
    """Checked rows, ready for a model. Those with the same ``key`` can be predicted together.

    The values are in ``columns``, or row by row in ``plain``.
    """

    rows: int
    key: tuple[str, ...] | None
    columns: Mapping[str, list[Any]]
    payload: Payload
    plain: list[list[float]] | None = None

    @property
    def matrix(self) -> list[Any]:
        """The values by row."""
        return list(zip(*self.columns.values(), strict=True)) if self.plain is None else self.plain

    @property
    def by_name(self) -> Mapping[str, Sequence[Any]]:
        """The values by column; none where the model names no columns."""
        if self.plain is None or self.key is None:
            return self.columns
        return dict(zip(self.key, map(list, zip(*self.plain, strict=True)), strict=True))


class Model:
    """One version in memory.

    ``quick`` when a prediction costs less than handing it to a thread, ``signed`` when the model's signature
    says what it takes.
    """

    def __init__(self, version: int, uri: str, pyfunc: Any, raw: Any) -> None:
        self.version = version
        self.uri = uri
        self._pyfunc = pyfunc
        self._raw = raw
        self.signed = getattr(pyfunc.metadata.signature, "inputs", None) is not None
        self._signature = _compiled(pyfunc.metadata)
        self._dtypes = {c.name: c.dtype for c in self._signature.columns} if self._signature else {}
        self._bare: Callable[[Any], Predictions] | None = None
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
        if self._bare is not None:
            plain = self._signature.plain_rows(payload)
            if plain is not None:
                return Prepared(payload.rows, self._required, {}, payload, plain)
        columns = self._signature.check(payload)
        return Prepared(payload.rows, tuple(columns), columns, payload)

    def shorten(self) -> bool:
        """Predict from arrays from now on if that gives the same answers; returns whether it does."""
        bare = array_model(self._raw, self._signature)
        if bare is None or self._signature is None:
            return False
        names = [column.name for column in self._signature.columns]

        for by_array in (_computed(bare), partial(_asked, bare)):
            if by_array is not None and agrees(by_array, self._predict_frame, names):
                self._bare = by_array
                self._required = tuple(names)
                self.quick = is_quick(by_array, len(names))
                break
        return self._bare is not None

    def predict(self, prepared: Sequence[Prepared]) -> Predictions:
        """Predict rows that share one key, all at once.

        Raises BadInputError for a single request that the model cannot take, and whatever the model raises.
        """
        try:
            return self._predicted(prepared)
        except BadInputError:
            raise
        except Exception as error:
            fault = self._fault_of_caller(prepared[0], error) if len(prepared) == 1 else ""
            if fault:
                raise BadInputError(fault) from error
            raise

    def _fault_of_caller(self, item: Prepared, error: Exception) -> str:
        """Return what is wrong with a request that the model failed on; empty when it fails anyway."""
        text = " ".join(str(error).split())[:200]
        if self._signature is None and getattr(error, "error_code", "") == "INVALID_PARAMETER_VALUE":
            return text  # MLflow holds the rows against a signature of tensors or of types without names
        columns, gaps = without_gaps(item.by_name, self._dtypes)
        if not gaps:
            return ""
        try:
            self._predicted([Prepared(item.rows, item.key, columns, item.payload)])
        except Exception:  # noqa: BLE001 - a model's own code may raise anything
            return ""
        named = ", ".join(map(repr, gaps[:3]))
        reason = f"{type(error).__name__}: {text}"
        return f"column {named}: the model takes no null or infinite number there ({reason})"

    def _predicted(self, prepared: Sequence[Prepared]) -> Predictions:
        first = prepared[0]
        if first.key is None:
            data = first.payload.columns
            frame = _tensor(first.payload.array) if data is None else pd.DataFrame(data)
            return Predictions(_plain(self._pyfunc.predict(frame)), None)
        if self._bare is not None and first.key == self._required:
            rows = [row for item in prepared for row in item.matrix]
            return self._bare(np.array(rows, dtype="float64"))
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
    final = model
    while hasattr(final, "steps"):  # steps before an estimator are a pipeline in the pipeline
        final = final.steps[-1][1]
    if type(final).__name__ in _ONE_PASS:
        labels = np.asarray(model.classes_)[chances.argmax(axis=1)]
    else:
        labels = model.predict(rows)
    return Predictions(_plain(labels), [float(p) for p in chances[:, place_in_model(model)]])


def _computed(model: Any) -> Callable[[Any], Predictions] | None:
    """Return what answers as ``_asked`` does for an estimator whose arithmetic is known."""
    compute = computation(model)
    if compute is None:
        return None
    classes, place = getattr(model, "classes_", None), place_in_model(model)

    def answer(rows: Any) -> Predictions:
        found = compute(rows)
        if found is None:
            return _asked(model, rows)
        if classes is None:
            values = _plain(found)
            return Predictions(values, values)
        return Predictions(_plain(classes[found.argmax(axis=1)]), found[:, place].tolist())

    return answer


def _compiled(metadata: Any) -> Signature | None:
    """Compile the signature; a column that it leaves open has the type that our metadata name."""
    inputs = getattr(metadata.signature, "inputs", None)
    if inputs is None or inputs.is_tensor_spec() or not inputs.has_input_names():
        return None
    left_open = (metadata.metadata or {}).get(COLUMN_TYPES, {})
    named = [(c.name, _type_name(c.type), c.required) for c in inputs.inputs]
    return Signature.compile([(name, left_open.get(name, type_), needed) for name, type_, needed in named])


def _type_name(type_: Any) -> str:
    return "any" if str(type_) == "Any" else str(getattr(type_, "name", type_))


def _tensor(rows: Any) -> Any:
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise BadInputError("the rows of a tensor must all have the same length") from error


def _column(values: list[Any], dtype: str) -> Any:
    if dtype == "str":
        return pd.array(values, dtype="str")
    if None in values and dtype.startswith(("int", "bool")):  # NumPy has no gaps in these
        dtype = "object"
    if dtype != "object":
        return np.array(values, dtype=dtype)
    column = np.empty(len(values), dtype=object)
    column[:] = values  # np.array would make a table of lists
    return column


def _plain(values: Any) -> list[Any]:
    if isinstance(values, pd.DataFrame):
        return [dict(zip(values.columns, row, strict=True)) for row in values.to_numpy().tolist()]
    plain: list[Any] = np.asarray(values).tolist()
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in plain]


__all__ = ["BadInputError", "Model", "Predictions", "Prepared"]
