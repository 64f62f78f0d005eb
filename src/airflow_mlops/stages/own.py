"""A stage of the user's own: a function that gets frames and models where records travel."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import (
    DatasetRef,
    Evaluation,
    FeatureSet,
    ModelRef,
    OwnResult,
    Record,
    RegisteredVersion,
    ScoredWindow,
)
from airflow_mlops.core.tags import STAGE
from airflow_mlops.data.datasets import read_dataset
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage
from airflow_mlops.training.tracking import TaskRun, fluent

RUN: Final = "run"


@dataclass(frozen=True)
class Frames:
    """What the features stage wrote, read when asked for: raw rows with the target, and features."""

    record: FeatureSet
    storage: Storage = PLAIN_STORAGE

    @cached_property
    def train(self) -> pd.DataFrame:
        """Raw rows to train on, the target among the columns."""
        return read_dataset(self.record.train, storage=self.storage)

    @cached_property
    def holdout(self) -> pd.DataFrame:
        """Raw rows that were held out, the target among the columns."""
        return read_dataset(self.record.holdout, storage=self.storage)

    @cached_property
    def train_features(self) -> pd.DataFrame:
        """Features of ``train``, row by row."""
        return read_dataset(self.record.train_features, storage=self.storage)

    @cached_property
    def holdout_features(self) -> pd.DataFrame:
        """Features of ``holdout``, row by row."""
        return read_dataset(self.record.holdout_features, storage=self.storage)


def run(
    call: StageCall, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Record:
    """Call a function with records resolved, and return what it returns as a record.

    What the function raises goes through as it is. Raises ConfigError for a returned value that is no
    record, DataFrame, mapping of JSON values or None, and for an argument of another kind than its
    annotation; BackendError when MLflow or storage does not answer.
    """
    hints = _hints(function)
    names = [*inspect.signature(function).parameters]
    given = [_resolved(call, value, hints.get(name)) for name, value in zip(names, args, strict=False)]
    given += args[len(names) :]
    named = {name: _resolved(call, value, hints.get(name)) for name, value in kwargs.items()}
    run_id = _run_of([*args, *kwargs.values()])
    if RUN not in named or named[RUN] is not None:
        returned = function(*given, **named)
        figures = _figures(returned)
        if not figures:
            return _record(call, returned, run_id)
        with _opened(call, run_id) as run_:
            return _logged(call, returned, run_)
    with _as_raised(), _opened(call, run_id) as run_:
        with _active(run_):
            returned = _called(function, given, {**named, RUN: run_})
        return _logged(call, returned, run_)


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):  # a type that is only imported for type checkers
        return {}


def _resolved(call: StageCall, value: Any, hint: Any) -> Any:
    """Return what a record stands for, or the record when the annotation asks for it."""
    if isinstance(value, list):
        return [_resolved(call, item, hint) for item in value]
    if not (isinstance(value, Mapping) and Record.is_record(value)):
        return value
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_json(value)
    record = Record.from_json(value)
    match record:
        case DatasetRef():
            return call.read(record)
        case ScoredWindow():
            return call.read(record.dataset)
        case FeatureSet():
            return Frames(record, call.storage)
        case ModelRef() | RegisteredVersion():
            return call.mlflow.load_model(record.model_uri)
    return record


def _run_of(values: Sequence[Any]) -> str:
    """Return the MLflow run of the model that is among the arguments, or nothing."""
    for value in values:
        if isinstance(value, Mapping) and Record.is_record(value):
            record = Record.from_json(value)
            if isinstance(record, Evaluation):
                return record.model.run_id
            if isinstance(record, ModelRef | RegisteredVersion | OwnResult) and record.run_id:
                return record.run_id
    return ""


@contextmanager
def _opened(call: StageCall, run_id: str) -> Iterator[TaskRun]:
    """Open the model's run, or one of this task's own."""
    if run_id:
        yield call.mlflow.run(run_id)
        return
    tags = {STAGE: call.stage}
    where = (call.pipeline.name, call.task_key, call.artifacts, tags)
    with call.mlflow.task_run(*where) as run_:
        yield run_


@contextmanager
def _active(run_: TaskRun) -> Iterator[None]:
    """Have MLflow's own functions log to the run; they do not decide the state that it ends in."""
    with fluent(run_.uri) as mlflow:
        mlflow.start_run(run_id=run_.run_id)
        try:
            yield
        finally:
            mlflow.end_run("FINISHED")


class _Raised(Exception):
    """Carries what a function raised past those who would take it for MLflow's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _called(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    try:
        return function(*args, **kwargs)
    except Exception as error:
        raise _Raised(error) from error


@contextmanager
def _as_raised() -> Iterator[None]:
    try:
        yield
    except _Raised as raised:
        raise raised.error from None


def _figures(returned: Any) -> dict[str, float]:
    """Return the numbers of a returned mapping."""
    if not isinstance(returned, Mapping):
        return {}
    kinds = (int, float, np.integer, np.floating)
    return {
        str(name): float(value)
        for name, value in returned.items()
        if isinstance(value, kinds) and not isinstance(value, bool)
    }


def _logged(call: StageCall, returned: Any, run_: TaskRun) -> Record:
    record = _record(call, returned, run_.run_id)
    if figures := _figures(returned):
        run_.metrics({f"{call.stage}.{name}": value for name, value in figures.items()})
    return record


def _record(call: StageCall, returned: Any, run_id: str) -> Record:
    if isinstance(returned, Record):
        return returned
    if isinstance(returned, pd.DataFrame):
        return call.write(returned)
    if returned is not None and not isinstance(returned, Mapping):
        raise ConfigError(
            f"{call.stage} returned {type(returned).__name__}: return a DataFrame, a record, a mapping of "
            "plain JSON values, or nothing"
        )
    try:
        values = json.loads(json.dumps(dict(returned or {}), default=_plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{call.stage} returned a mapping that is not plain JSON: {error}") from None
    return OwnResult(stage=call.stage, values=values, run_id=run_id)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a JSON value")
