"""The time that the latency guard compares is a version's own."""

from __future__ import annotations

import asyncio
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from airflow_mlops.serving import batching
from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.model import Model, Predictions
from airflow_mlops.serving.outcome import Outcome
from airflow_mlops.serving.payload import parse

BODY = b'{"dataframe_split": {"columns": ["a"], "data": [[1.0]]}}'


class Clock:
    """A clock that only models move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Takes:
    """A model whose calls take so many seconds of the clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        inputs = Schema([ColSpec("double", "a")])
        self.metadata = mlflow.models.Model(signature=ModelSignature(inputs=inputs))
        self._clock, self._seconds = clock, seconds

    def predict(self, frame: Any) -> Any:
        self._clock.now += self._seconds
        return np.ones(len(frame))


@pytest.mark.parametrize("first", [0, 1])
def test_the_batch_of_another_version_in_the_same_turn_takes_no_time_of_ones_own(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(batching, "perf_counter", clock)

    async def run() -> list[Predictions]:
        batchers = []
        for version, seconds in ((1, 5.0), (2, 1.0)):
            model = Model(version, f"models:/churn/{version}", Takes(clock, seconds), None)
            model.quick = True
            batchers.append(Batcher(model, [0, 0]))
        order = batchers if first == 0 else batchers[::-1]
        asked = [batcher.predict(batcher.model.prepare(parse(BODY))) for batcher in (*order, *order)]
        return await asyncio.gather(*asked)

    found = asyncio.run(run())
    expected = [5.0, 1.0] if first == 0 else [1.0, 5.0]
    assert [predictions.seconds for predictions in found] == expected * 2


def test_what_the_guards_see_is_that_time_and_that_of_the_request_where_there_are_no_predictions() -> None:
    assert Outcome(Predictions([1], None, seconds=0.25), seconds=0.9).seen().seconds == 0.25
    assert Outcome(Predictions([1], None), seconds=0.9).seen().seconds == 0.9
    assert Outcome(None, 504, "late", 10.0).seen().seconds == 10.0
