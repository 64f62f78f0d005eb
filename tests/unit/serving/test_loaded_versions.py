"""The versions in memory when a server ends."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from airflow_mlops.serving import loaded_versions
from airflow_mlops.serving.document import Document, Wanted
from airflow_mlops.serving.loaded_versions import LoadedVersions
from airflow_mlops.serving.model import Model
from airflow_mlops.serving.payload import parse
from airflow_mlops.serving.shared_memory import SharedState

BODY = b'{"dataframe_split": {"columns": ["a"], "data": [[1.0]]}}'


class Blocks:
    """A model of MLflow's kind whose call returns when it is released."""

    def __init__(self) -> None:
        self.metadata = mlflow.models.Model(signature=ModelSignature(inputs=Schema([ColSpec("double", "a")])))
        self.called, self.released = threading.Event(), threading.Event()

    def predict(self, frame: Any) -> np.ndarray[Any, Any]:
        self.called.set()
        self.released.wait()
        return np.ones(len(frame))


@pytest.mark.parametrize("dropped", [False, True])
def test_a_prediction_that_never_returns_keeps_no_server_from_ending(
    dropped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded_versions, "CLOSE_S", 0.0)
    pyfunc, uri = Blocks(), "models:/churn/2"

    async def run() -> None:
        slot = SharedState.private(tmp_path).slots[0]
        versions = LoadedVersions(slot, lambda version, _wanted: Model(version, uri, pyfunc, None))
        versions.follow(Document(versions={2: Wanted(uri=uri)}))
        await versions.loaded()
        batcher = versions.ready[2]
        asked = asyncio.create_task(batcher.predict(batcher.model.prepare(parse(BODY))))
        await asyncio.to_thread(pyfunc.called.wait)
        if dropped:
            versions.follow(Document())
        # A version that was dropped has a minute for its open predictions, but not when the server ends.
        async with asyncio.timeout(30):
            await versions.close()
        assert not asked.done()
        pyfunc.released.set()
        await asked

    asyncio.run(run())
