"""Features: split without leakage and apply the user's function to both sides."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import DatasetRef, FeatureSet, SplitRule, ValidationReport
from airflow_mlops.core.records.data import OWN_TEST_SET
from airflow_mlops.data import features, leaks
from airflow_mlops.data.core.stable_hash import SCHEME
from airflow_mlops.data.digests import ContentDigest, types_of
from airflow_mlops.data.learning import for_learning, nested_columns
from airflow_mlops.data.parts import write_part
from airflow_mlops.data.repeated_rows import note_of_repeated, note_of_shared
from airflow_mlops.data.row_times import times_of_part
from airflow_mlops.data.splitting import entity_of, plan_of, split
from airflow_mlops.data.test_set import Side, set_apart
from airflow_mlops.lifecycle.call import StageCall

_LOG = logging.getLogger(__name__)
_THREE: Final = 3
"""Sides of a split: rows that teach, rows that are held out, and those of neither where there are any."""
_LARGE: Final = 4 << 20
"""Bytes in memory from which on rows are not stored twice; fewer are files that open by themselves."""


def run(call: StageCall) -> FeatureSet:
    """Split the labelled rows of the input ``dataset`` and write raw rows and features of both sides.

    The input ``validation`` may name the rows of that dataset that go on without the bad ones. With the input
    ``holdout``, a test set of its own, nothing is split off. Raises ConfigError when the pipeline quarantines
    rows and no record names them.
    """
    report = call.optional("validation", ValidationReport)
    dataset, test = _dataset(call), call.optional("holdout", DatasetRef)
    parted = _parted(call, dataset, test)
    frames, notes = _useful(call, parted)
    built = _built(call, frames)
    dated = parted.sides[0].times is not None
    probed = leaks.check(built[0], frames[0], call.pipeline, dated=dated, samples=call.quotes_cells)
    if probed and probed.leaks:
        notes.append(probed.sentence)
    for note in notes:
        _LOG.warning("%s", note)
    _LOG.info("%s: %s rows to train, %s held out", parted.how, *(f"{len(frame):,}" for frame in frames[:2]))
    known = (dataset.times, (test or dataset).times, dataset.times)[: len(frames)]
    times = [times_of_part(one, side.times) for one, side in zip(known, parted.sides, strict=True)]
    stored = [
        _stored(call, parted.whole, side.taken, frame, one)
        if _is_large(frames)
        else (call.write(frame), call.write(one))
        for side, frame, one in zip(parted.sides, frames, built, strict=True)
    ]
    raw = [replace(rows, times=one) for (rows, _), one in zip(stored, times, strict=True)]
    made = [features_ for _, features_ in stored]
    return FeatureSet(
        train=raw[0],
        holdout=raw[1],
        aside=raw[2] if len(raw) == _THREE else None,
        train_features=made[0],
        holdout_features=made[1],
        aside_features=made[2] if len(made) == _THREE else None,
        features=tuple(built[0].columns),
        split=parted.how,
        split_by=parted.by,
        learned=replace(parted.rule, test_set=raw[1].digest) if test else parted.rule,
        window=dataset.window,
        notes=tuple(notes),
        validation_page=report.page if report else "",
        validation=report.summary if report else "",
        leaks=probed,
    )


def _is_large(frames: Sequence[pd.DataFrame]) -> bool:
    """Whether a copy of these rows is worth avoiding."""
    return sum(int(frame.memory_usage().sum()) for frame in frames) >= _LARGE


def _stored(
    call: StageCall, whole: DatasetRef | None, taken: Any, frame: pd.DataFrame, built: pd.DataFrame
) -> tuple[DatasetRef, DatasetRef]:
    """Return the raw rows and the features of one side; what is stored already is only marked.

    :param taken: which rows of ``whole`` the side has, None where it has others than that file.
    """
    digest = ContentDigest(types_of(frame))
    digest.add(frame)
    if whole is None or taken is None:
        raw = whole = call.write(frame)
        taken = np.ones(len(frame), dtype=bool)
    else:
        raw = write_part(whole, taken, digest.hexdigest(), types_of(frame), call.storage)
    if call.pipeline.features is not None:
        return raw, call.write(built)
    names = types_of(built)
    return raw, write_part(whole, taken, digest.hexdigest(names), names, call.storage)


def _useful(call: StageCall, parted: _Parted) -> tuple[list[pd.DataFrame], list[str]]:
    """Return the rows of all sides without columns of no use, and what a reader should know of them."""
    data, notes = call.pipeline.data, list(parted.notes)
    frames = [side.frame for side in parted.sides]
    if parted.rule.kind != "row":  # equal rows have one hash
        notes += filter(None, [note_of_repeated(frames[0], frames[1], data)])
    if call.pipeline.features is None and (nested := _without_use(frames[0], data)):
        frames = [frame.drop(columns=nested) for frame in frames]
        notes.append(
            f"columns left out, their cells are lists, mappings or bytes: {', '.join(nested)}; a feature "
            "function can make numbers of them"
        )
    return frames, notes


def _built(call: StageCall, frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the features of all sides."""
    pipeline, samples = call.pipeline, call.quotes_cells
    built = [
        features.build(
            frame,
            pipeline.data,
            pipeline.features,
            call.base,
            samples=samples,
            weights=pipeline.train.weights,
        )
        for frame in frames
    ]
    for one in built[1:]:
        features.same_columns(built[0], one)
    return built


@dataclass(frozen=True, eq=False)
class _Parted:
    """Rows to train on, rows held out and rows of neither, if any; how they were chosen, what was noticed.

    ``whole`` is the dataset that has all of them as they are, None where they were changed.
    """

    sides: tuple[Side, ...]
    how: str
    by: str
    rule: SplitRule
    notes: tuple[str, ...] = ()
    whole: DatasetRef | None = None


def _parted(call: StageCall, dataset: DatasetRef, test: DatasetRef | None) -> _Parted:
    """Hold out the test set, or else a part of the rows."""
    data = call.pipeline.data
    read = call.read(dataset)
    known = np.flatnonzero(read[data.target].notna().to_numpy())
    labelled = features.labelled(read, data.target)
    frame = for_learning(labelled)
    _check_target(frame, data)
    if test is not None:
        return _with_test_set(call, frame, test)
    plan = plan_of(data, call.pipeline.evaluate.holdout, call.pipeline.train.weights)
    found = split(frame, data, plan, samples=call.quotes_cells)
    as_stored = frame is labelled and not dataset.of
    sides = [
        Side(
            frame[part].reset_index(drop=True),
            None if found.times is None else found.times[part],
            _marks(len(read), known[part]) if as_stored else None,
        )
        for part in (found.teaches, found.held_out, found.aside)
        if part.any()
    ]
    _check_labels(frame[data.target], sides[0].frame[data.target])
    whole = dataset if as_stored else None
    return _Parted(tuple(sides), found.how, found.by, found.rule, found.notes, whole)


def _marks(rows: int, places: NDArray[np.int64]) -> NDArray[np.bool_]:
    marks = np.zeros(rows, dtype=bool)
    marks[places] = True
    return marks


def _with_test_set(call: StageCall, frame: pd.DataFrame, test: DatasetRef) -> _Parted:
    data = call.pipeline.data
    own = for_learning(features.labelled(call.read(test), data.target, "the test set"))
    _check_target(own, data)
    train, holdout, notes = set_apart(frame, own, data, samples=call.quotes_cells)
    how = f"by a test set of its own: {len(holdout.frame):,} rows, digest {test.digest[:12]}"
    rule = SplitRule(
        kind=OWN_TEST_SET,
        columns=data.keys or tuple(map(str, frame.columns)),
        time=data.time_column or "" if train.times is not None else "",
        first="" if train.times is None else train.times.min().isoformat(),
        newest="" if train.times is None else train.times.max().isoformat(),
        scheme=SCHEME,
    )
    if shared := note_of_shared(train.frame, holdout.frame, entity_of(data, timed=train.times is not None)):
        notes = (*notes, shared)
    return _Parted((train, holdout), how, OWN_TEST_SET, rule, notes)


def _check_labels(every: pd.Series, taught: pd.Series) -> None:
    """Raise DataRejected when the rows to train on have one label only and the others have more."""
    if taught.nunique() == 1 and every.nunique() > 1:
        raise DataRejected(
            f"all {len(taught):,} rows to train on have the same {every.name}; the other {every.name} of the "
            f"{len(every):,} rows are held out: give more rows, or hold out fewer of them"
        )


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
