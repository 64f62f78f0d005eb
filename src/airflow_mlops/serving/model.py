"""A loaded model: its signature and its predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd
from msgspec.structs import replace

from airflow_mlops.core.positive_class import place_in_model
from airflow_mlops.serving.answers import answer_of, plain_values
from airflow_mlops.serving.arithmetic import computation
from airflow_mlops.serving.fast import agrees, array_model, is_quick
from airflow_mlops.serving.gaps import data_without_gaps, without_gaps
from airflow_mlops.serving.model_input import ModelInput, column_of
from airflow_mlops.serving.payload import BadInputError, Payload
from airflow_mlops.serving.tensor_types import TensorInfo

# Estimators whose predict() is the class of the highest predict_proba(): one pass gives both.
_ONE_PASS: Final = frozenset({
    "DecisionTreeClassifier", "ExtraTreesClassifier", "GradientBoostingClassifier",
    "HistGradientBoostingClassifier", "LogisticRegression", "RandomForestClassifier",
})  # fmt: skip


class Predictions(msgspec.Struct, frozen=True):
    """An answer of a model, and the scores of the positive class where there are some.

    ``values`` has a prediction per row, unless the model answers in another shape. ``unnamed`` are the same
    values without the name of their column, None where they have none. ``seconds`` is the model's own time:
    what other versions and the event loop took is not in it.
    """

    values: Any
    scores: list[float] | None
    unnamed: list[Any] | None = None
    seconds: float | None = None

    def is_by_row(self, rows: int) -> bool:
        """Return whether there is one prediction for each of ``rows`` rows."""
        return isinstance(self.values, list) and len(self.values) == rows


class Prepared(msgspec.Struct, frozen=True):
    """Checked rows, ready for a model. Those with the same ``key`` can be predicted together.

    The values are in ``columns``, or row by row in ``plain``. A request that is predicted alone has no key,
    and in ``data`` what the model takes; ``params`` are its inference parameters.
    """

    rows: int
    key: tuple[str, ...] | None
    columns: Mapping[str, list[Any]]
    payload: Payload
    plain: list[list[float]] | None = None
    data: Any = None
    params: Mapping[str, Any] | None = None

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

    ``outputs`` are the tensors of its answers, empty until that is known; ``any_length`` once it has given an
    answer of another shape than one prediction per row.
    ``quick`` when a prediction costs less than handing it to a thread, ``signed`` when the model's signature
    says what it takes. ``samples`` are requests for a warm-up, None for none.
    """

    def __init__(self, version: int, uri: str, pyfunc: Any, raw: Any) -> None:
        self.version = version
        self.uri = uri
        self._pyfunc = pyfunc
        self._raw = raw
        self.signed = getattr(pyfunc.metadata.signature, "inputs", None) is not None
        self._input = ModelInput(pyfunc.metadata)
        self._signature = self._input.signature
        self.outputs = self._input.outputs
        self._dtypes = {c.name: c.dtype for c in self._signature.columns} if self._signature else {}
        self._bare: Callable[[Any], Predictions] | None = None
        self._required: tuple[str, ...] = ()
        self.quick = False
        self.any_length = False
        self.samples: Any = None
        self.names: tuple[str, ...] = ()

    @property
    def inputs(self) -> list[TensorInfo]:
        """The tensors that the model takes; empty without a signature."""
        return self._input.inputs

    @property
    def plain(self) -> bool:
        """Whether the model takes named columns of plain values."""
        return self._signature is not None

    def prepare(self, payload: Payload) -> Prepared:
        """Check rows against the signature; raises BadInputError naming the column."""
        if self._signature is None or payload.params is not None or payload.index is not None:
            data, rows = self._input.data(payload)
            return Prepared(rows, None, {}, payload, data=data, params=self._input.params(payload))
        if self._bare is not None:
            plain = self._signature.plain_rows(payload)
            if plain is not None:
                return Prepared(payload.rows, self._required, {}, payload, plain)
        columns = self._signature.check(payload)
        return Prepared(payload.rows, tuple(columns), columns, payload)

    def made_up(self) -> Prepared | None:
        """Return a row of zeros and empty texts that fits the signature; None without named plain columns."""
        if self._signature is None:
            return None
        fillers = {"str": "", "bool": False, "datetime64[ns]": datetime(1970, 1, 1)}
        columns = {c.name: [fillers.get(c.dtype, 0)] for c in self._signature.columns}
        return Prepared(1, tuple(columns), columns, Payload(1, columns))

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
        if item.key is None:
            data, gaps = data_without_gaps(item.data)
            filled = replace(item, data=data)
        else:
            columns, gaps = without_gaps(item.by_name, self._dtypes)
            filled = replace(item, columns=columns, plain=None)
        if not gaps:
            return ""
        try:
            self._predicted([filled])
        except Exception:  # noqa: BLE001 - a model's own code may raise anything
            return ""
        named = ", ".join(f"column {name!r}" if name else "the input" for name in gaps[:3])
        reason = f"{type(error).__name__}: {text}"
        return f"{named}: the model takes no null or infinite number there ({reason})"

    def _predicted(self, prepared: Sequence[Prepared]) -> Predictions:
        first = prepared[0]
        if first.key is None:
            return _answered(self._pyfunc.predict(first.data, params=first.params or None))
        if self._bare is not None and first.key == self._required:
            rows = [row for item in prepared for row in item.matrix]
            return self._bare(np.array(rows, dtype="float64"))
        joined = {
            name: column_of([value for item in prepared for value in item.columns[name]], self._dtypes[name])
            for name in first.key
        }
        return self._predict_frame(pd.DataFrame(joined))

    def _predict_frame(self, frame: pd.DataFrame) -> Predictions:
        if self._raw is None:
            return _answered(self._pyfunc.predict(frame))
        return _asked(self._raw, frame)


def _answered(values: Any) -> Predictions:
    answer, unnamed = answer_of(values)
    return Predictions(answer, None, unnamed)


def _asked(model: Any, rows: Any) -> Predictions:
    """Return the labels and scores of a scikit-learn model, in one pass where one is enough."""
    binary = len(getattr(model, "classes_", ())) == 2 and hasattr(model, "predict_proba")
    if not binary:
        found = model.predict(rows)
        if isinstance(found, pd.DataFrame | pd.Series):
            return _answered(found)
        values = plain_values(found)
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
    return Predictions(plain_values(labels), [float(p) for p in chances[:, place_in_model(model)]])


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
            values = plain_values(found)
            return Predictions(values, values)
        return Predictions(plain_values(classes[found.argmax(axis=1)]), found[:, place].tolist())

    return answer


__all__ = ["BadInputError", "Model", "Predictions", "Prepared"]
