"""Features: split without leakage and apply the user's function to both sides."""

from __future__ import annotations

import logging

import pandas as pd

from airflow_mlops.backends import features
from airflow_mlops.backends.data import read_dataset, write_dataset
from airflow_mlops.core.records import DatasetRef, FeatureSet
from airflow_mlops.stages.call import StageCall
from airflow_mlops.stages.ingest import data_folder

_LOG = logging.getLogger(__name__)


def run(call: StageCall) -> FeatureSet:
    """Split the labelled rows of the input ``dataset`` and write raw rows and features of both sides."""
    data, folder = call.pipeline.data, data_folder(call)
    frame = features.labelled(read_dataset(call.input("dataset", DatasetRef)), data.target)
    split = features.split(frame, data)
    sides = [frame[~split.held_out].reset_index(drop=True), frame[split.held_out].reset_index(drop=True)]
    built: list[pd.DataFrame] = [
        features.build(side, data, call.pipeline.features, call.base) for side in sides
    ]
    features.same_columns(*built)
    _LOG.info("%s: %s rows to train, %s held out", split.how, f"{len(sides[0]):,}", f"{len(sides[1]):,}")
    return FeatureSet(
        train=write_dataset(sides[0], folder),
        holdout=write_dataset(sides[1], folder),
        train_features=write_dataset(built[0], folder),
        holdout_features=write_dataset(built[1], folder),
        features=tuple(built[0].columns),
        split=split.how,
    )
