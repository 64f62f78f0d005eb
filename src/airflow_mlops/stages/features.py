"""Features: split without leakage and apply the user's function to both sides."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import pandas as pd

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import DatasetRef, FeatureSet, ValidationReport
from airflow_mlops.core.records.data import OWN_TEST_SET
from airflow_mlops.data import features, leaks
from airflow_mlops.data.learning import for_learning, nested_columns
from airflow_mlops.data.row_times import times_of_part
from airflow_mlops.data.test_set import Side, set_apart
from airflow_mlops.lifecycle.call import StageCall

_LOG = logging.getLogger(__name__)


def run(call: StageCall) -> FeatureSet:
    """Split the labelled rows of the input ``dataset`` and write raw rows and features of both sides.

    The input ``validation`` may name the rows of that dataset that go on without the bad ones. With the input
    ``holdout``, a test set of its own, nothing is split off. Raises ConfigError when the pipeline quarantines
    rows and no record names them.
    """
    data, report = call.pipeline.data, call.optional("validation", ValidationReport)
    dataset, test = _dataset(call), call.optional("holdout", DatasetRef)
    parted = _parted(call, dataset, test)
    frames = [side.frame for side in parted.sides]
    notes = list(parted.notes)
    if call.pipeline.features is None and (nested := _without_use(frames[0], data)):
        frames = [frame.drop(columns=nested) for frame in frames]
        notes.append(
            f"columns left out, their cells are lists, mappings or bytes: {', '.join(nested)}; a feature "
            "function can make numbers of them"
        )
    for note in notes:
        _LOG.warning("%s", note)
    built: list[pd.DataFrame] = [
        features.build(
            frame,
            data,
            call.pipeline.features,
            call.base,
            samples=call.quotes_cells,
            weights=call.pipeline.train.weights,
        )
        for frame in frames
    ]
    features.same_columns(*built)
    dated = parted.sides[0].times is not None
    probed = leaks.check(built[0], frames[0], call.pipeline, dated=dated, samples=call.quotes_cells)
    if probed and probed.leaks:
        _LOG.warning("%s", probed.sentence)
        notes.append(probed.sentence)
    _LOG.info("%s: %s rows to train, %s held out", parted.how, *(f"{len(frame):,}" for frame in frames))
    known = (dataset.times, (test or dataset).times)
    times = [times_of_part(one, side.times) for one, side in zip(known, parted.sides, strict=True)]
    return FeatureSet(
        train=replace(call.write(frames[0]), times=times[0]),
        holdout=replace(call.write(frames[1]), times=times[1]),
        train_features=call.write(built[0]),
        holdout_features=call.write(built[1]),
        features=tuple(built[0].columns),
        split=parted.how,
        split_by=parted.by,
        window=dataset.window,
        notes=tuple(notes),
        validation_page=report.page if report else "",
        leaks=probed,
        validation=report.summary if report else "",
    )


@dataclass(frozen=True, eq=False)
class _Parted:
    """Rows to train on and rows held out, how these were chosen and by what, and what was noticed."""

    sides: tuple[Side, Side]
    how: str
    by: str
    notes: tuple[str, ...] = ()


def _parted(call: StageCall, dataset: DatasetRef, test: DatasetRef | None) -> _Parted:
    """Hold out the test set, or else a share of the rows."""
    data = call.pipeline.data
    frame = for_learning(features.labelled(call.read(dataset), data.target))
    _check_target(frame, data)
    if test is not None:
        own = for_learning(features.labelled(call.read(test), data.target, "the test set"))
        _check_target(own, data)
        train, holdout, notes = set_apart(frame, own, data, samples=call.quotes_cells)
        how = f"by a test set of its own: {len(holdout.frame):,} rows, digest {test.digest[:12]}"
        return _Parted((train, holdout), how, OWN_TEST_SET, notes)
    split = features.split(frame, data, samples=call.quotes_cells)
    train, holdout = (
        Side(frame[part].reset_index(drop=True), None if split.times is None else split.times[part])
        for part in (~split.held_out, split.held_out)
    )
    return _Parted((train, holdout), split.how, split.by)


def _check_target(frame: pd.DataFrame, data: Data) -> None:
    """Raise DataRejected when the cells of the target are lists and the like."""
    if nested_columns(frame[[data.target]]):
        raise DataRejected(f"the target {data.target!r} has lists, mappings or bytes in its cells")


def _without_use(frame: pd.DataFrame, data: Data) -> list[str]:
    """Return the columns of lists and the like that are no keys."""
    return [name for name in nested_columns(frame) if name not in data.keys]


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
