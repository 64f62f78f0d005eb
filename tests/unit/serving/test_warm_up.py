"""A version that has just been loaded answers requests that nobody counts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from mlflow.types.schema import Map

from airflow_mlops.serving import warm_up as module
from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.model import Model
from airflow_mlops.serving.warm_up import ROUNDS, Samples, samples_of, warm_up

COLUMNS = Schema([ColSpec("double", "a"), ColSpec("string", "b")])
BODY = b'{"dataframe_split": {"columns": ["a"], "data": [[1.0]]}}'


class Counting:
    """A model of MLflow's kind that does with each call what it is told."""

    def __init__(self, does: Any = None) -> None:
        inputs = Schema([ColSpec("double", "a")])
        self.metadata = mlflow.models.Model(signature=ModelSignature(inputs=inputs))
        self.rows: list[int] = []
        self._does = does

    def predict(self, frame: Any) -> np.ndarray[Any, Any]:
        self.rows.append(len(frame))
        if self._does is not None:
            self._does(len(self.rows))
        return np.ones(len(frame))


def warmed(pyfunc: Counting, samples: Samples) -> str:
    async def run() -> str:
        batcher = Batcher(Model(2, "models:/churn/2", pyfunc, None), [0, 0])
        try:
            return await warm_up(batcher, samples)
        finally:
            await batcher.close()

    return asyncio.run(run())


def test_a_version_is_asked_alone_and_by_many_at_once() -> None:
    pyfunc = Counting()
    assert warmed(pyfunc, Samples((BODY,), "its golden rows")) == ""
    assert len(pyfunc.rows) >= ROUNDS
    assert {1, 8} <= set(pyfunc.rows)


def test_it_goes_on_while_the_times_fall() -> None:
    assert not module._settled([1.0] * 4 + [0.7] * 4)
    assert module._settled([1.0] * 4 + [0.9] * 4)


def test_rows_that_a_model_refuses_are_no_fault_and_are_said() -> None:
    def refuse(_call: int) -> None:
        raise RuntimeError("no such shop")

    found = warmed(Counting(refuse), Samples((BODY,), "a row made from its signature"))
    assert found.startswith(
        "not warmed up: the model does not take a row made from its signature (no such shop"
    )


def test_a_model_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_S", 0.0)
    found = warmed(Counting(), Samples((BODY,), "its golden rows"))
    assert found == "not warmed up: its golden rows got no answer within 0 s"


def test_without_rows_it_says_so() -> None:
    found = warmed(Counting(), Samples())
    assert (
        found == "not warmed up: it has no golden rows, no input example and no signature to make rows from"
    )


@pytest.mark.parametrize(
    "golden",
    [
        {"rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]},
        {"columns": ["a", "b"], "rows": [[1, "x"], [2, "y"]]},
    ],
)
def test_golden_rows_come_first_one_by_one(golden: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "serving_input_example.json").write_text("{}")
    found = samples_of(tmp_path, golden, COLUMNS)
    assert found.origin == "its golden rows"
    assert [json.loads(body) for body in found.bodies] == [
        {"dataframe_split": {"columns": ["a", "b"], "data": [row]}} for row in ([1, "x"], [2, "y"])
    ]


def test_an_input_example_comes_before_made_up_rows(tmp_path: Path) -> None:
    (tmp_path / "serving_input_example.json").write_bytes(BODY)
    assert samples_of(tmp_path, {"rows": []}, COLUMNS) == Samples((BODY,), "its input example")
    (tmp_path / "serving_input_example.json").write_bytes(b" " * 100_000)
    assert samples_of(tmp_path, {"rows": []}, COLUMNS).origin == "a row made from its signature"


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (COLUMNS, {"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, "a"]]}}),
        (Schema([TensorSpec(np.dtype("float64"), (-1, 2))]), {"inputs": [[0.0, 0.0]]}),
        (Schema([TensorSpec(np.dtype("float64"), (-1, 2), "a")]), None),
        (Schema([ColSpec("double")]), None),
        (Schema([ColSpec(Map("string"), "a")]), None),
        (None, None),
    ],
)
def test_rows_made_from_a_signature(inputs: Any, expected: Any, tmp_path: Path) -> None:
    found = samples_of(tmp_path, {}, inputs)
    assert [json.loads(body) for body in found.bodies] == ([] if expected is None else [expected])
