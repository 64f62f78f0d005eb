"""Features: split without leakage and apply the user's function to both sides."""

from __future__ import annotations

import logging
from dataclasses import replace

import pandas as pd

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import DatasetRef, FeatureSet, ValidationReport
from airflow_mlops.data import features
from airflow_mlops.data.learning import for_learning, nested_columns
from airflow_mlops.data.row_times import times_of_part
from airflow_mlops.lifecycle.call import StageCall

_LOG = logging.getLogger(__name__)


def run(call: StageCall) -> FeatureSet:
    """Split the labelled rows of the input ``dataset`` and write raw rows and features of both sides.

    The input ``validation`` may name the rows of that dataset that go on without the bad ones. Raises
    ConfigError when the pipeline quarantines rows and no record names them.
    """
    data, report = call.pipeline.data, call.optional("validation", ValidationReport)
    dataset = _dataset(call)
    frame = for_learning(features.labelled(call.read(dataset), data.target))
    notes = []
    if call.pipeline.features is None and (nested := _without_use(frame, data)):
        frame = frame.drop(columns=nested)
        notes.append(
            f"columns left out, their cells are lists, mappings or bytes: {', '.join(nested)}; a feature "
            "function can make numbers of them"
        )
        _LOG.warning("%s", notes[0])
    split = features.split(frame, data)
    parts = (~split.held_out, split.held_out)
    sides = [frame[part].reset_index(drop=True) for part in parts]
    built: list[pd.DataFrame] = [
        features.build(side, data, call.pipeline.features, call.base) for side in sides
    ]
    features.same_columns(*built)
    _LOG.info("%s: %s rows to train, %s held out", split.how, f"{len(sides[0]):,}", f"{len(sides[1]):,}")
    times = [
        times_of_part(dataset.times, None if split.times is None else split.times[part]) for part in parts
    ]
    return FeatureSet(
        train=replace(call.write(sides[0]), times=times[0]),
        holdout=replace(call.write(sides[1]), times=times[1]),
        train_features=call.write(built[0]),
        holdout_features=call.write(built[1]),
        features=tuple(built[0].columns),
        split=split.how,
        split_by=split.by,
        window=dataset.window,
        notes=tuple(notes),
        validation_page=report.page if report else "",
    )


def _without_use(frame: pd.DataFrame, data: Data) -> list[str]:
    """Return the columns of lists and the like; raises DataRejected when the target is one."""
    nested = nested_columns(frame)
    if data.target in nested:
        raise DataRejected(f"the target {data.target!r} has lists, mappings or bytes in its cells")
    return [name for name in nested if name not in data.keys]


def _dataset(call: StageCall) -> DatasetRef:
    """Return the rows to learn from: those that validation let through, when it set others aside."""
    dataset, report = call.input("dataset", DatasetRef), call.optional("validation", ValidationReport)
    section = call.pipeline.validate_
    if report is None and section is not None and section.on_failure == "quarantine":
        raise ConfigError(
            "validate.on_failure is quarantine, but features does not get the record of validate: "
            "write FeaturesOperator(validation=validate.output)"
        )
    if report is None or report.quarantine is None or report.quarantine.kept is None:
        return dataset
    if report.digest != dataset.digest:
        raise ConfigError(
            f"features got the rows {dataset.digest[:12]}, but validate set rows of {report.digest[:12]} "
            "aside: give both tasks the same dataset"
        )
    return report.quarantine.kept
