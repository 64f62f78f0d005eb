"""Holdout: a test set of its own becomes one immutable Parquet file, read as the training rows are."""

from __future__ import annotations

from dataclasses import replace

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages import ingest


def run(call: StageCall) -> DatasetRef:
    """Read the test set before ``as_of`` by the rules of ``data``, and write it once.

    The start of a run's window does not count: a test set is whole. Raises what ingest raises.
    """
    source = call.pipeline.evaluate.test_set
    if source is None:
        raise ConfigError("stage holdout needs evaluate.holdout.source in the pipeline file")
    data = call.pipeline.data.model_copy(update={"source": source})
    pipeline = call.pipeline.model_copy(update={"data": data})
    try:
        return ingest.run(replace(call, pipeline=pipeline, window_start=None))
    except ConfigError as error:  # the reader knows of one source only
        text = str(error).replace("data.source.", "evaluate.holdout.source.", 1)
        raise ConfigError(text) from error
