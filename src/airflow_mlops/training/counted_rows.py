"""Which rows of a hold-out count when a version is compared: those that it has not learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.core.records import DatasetRef, FeatureSet, SplitRule
from airflow_mlops.core.records.data import OWN_TEST_SET
from airflow_mlops.core.tags import JUDGED_RUN
from airflow_mlops.data.core.hash_filter import HashFilter
from airflow_mlops.data.event_times import times_of
from airflow_mlops.data.learned_rows import Learned, Rows, columns_of, smallest, taught
from airflow_mlops.data.membership import row_hashes
from airflow_mlops.data.splitting import entity_of

if TYPE_CHECKING:
    from airflow_mlops.config.models import Data
    from airflow_mlops.training.registry import Registry, Version
    from airflow_mlops.training.tracking import TaskRun

LEARNED: Final = "learned.json"
_SAYS_NOTHING: Final = "it was registered by a release that did not record it"

Read = Callable[[DatasetRef, Sequence[str] | None], pd.DataFrame]
"""Reads the named columns of a dataset, or all."""


@dataclass(frozen=True, eq=False)
class Counted:
    """The rows that count, as a mask of shape (rows,).

    ``unknown`` says why it cannot be known what a version has learned from; then no row is evidence.
    """

    mask: NDArray[np.bool_]
    unknown: str = ""

    @property
    def left_out(self) -> int:
        """How many rows do not count."""
        return int(len(self.mask) - self.mask.sum())


def log_learned(run_: TaskRun, features: FeatureSet, read: Read) -> None:
    """Keep with a run what its model has learned, for comparisons of later versions with it."""
    rule = features.learned
    if rule is None:
        return
    found = Learned(rule)
    if rule.kind == OWN_TEST_SET:
        hashes = row_hashes(read(features.holdout, list(rule.columns)), rule.columns)
        found = Learned(rule, test_rows=smallest(hashes))
    elif rule.kind == "time" and rule.columns:
        rows = read(features.train, list(rule.columns)).dropna()
        found = Learned(rule, HashFilter.of(row_hashes(rows, rule.columns)))
    run_.json(found.to_json(), LEARNED)


def counted_rows(
    rows: pd.DataFrame, data: Data, features: FeatureSet, version: Version, registry: Registry, read: Read
) -> Counted:
    """Return which rows of the hold-out count in a comparison with the judged model of ``version``.

    None that it has been trained on, and, with entities, none of an entity that it knows by other rows and
    the challenger does not. ``rows`` are the raw rows of ``features.holdout``, perhaps without the target;
    ``read`` reads those of the other sides where entities have to be looked up.
    Raises BackendError when MLflow or storage does not answer.
    """
    every = np.ones(len(rows), dtype=bool)
    learned = _learned_by(registry, version, data.time_column or "")
    if learned is None:
        return Counted(every, _SAYS_NOTHING)
    if features.test_set and learned.rule.test_set == features.test_set:
        return Counted(every)
    timed = features.holdout.times is not None
    entity = entity_of(data, timed=timed) or ""
    decides = learned.rule.columns == (entity,) and (learned.rule.kind == "entity" or learned.entities)
    sides = [features.holdout]
    if entity and (not decides or features.test_set):
        sides += [side for side in (features.train, features.aside) if side is not None]
    frame = _rows(rows, sides, learned.rule, data, read)
    times = times_of(frame, data, samples=False) if timed else None
    known = taught(learned, Rows(frame, data.target, times, data.time_column))
    if isinstance(known, str):
        return Counted(every, known)
    if entity:
        known = known | _knows_by_others(frame[entity], known, learned, len(rows), features.train.rows)
    return Counted(~known[: len(rows)])


def _knows_by_others(
    entities: pd.Series, known: NDArray[np.bool_], learned: Learned, held: int, taught_now: int
) -> NDArray[np.bool_]:
    """Return which rows are of an entity that the version was trained on and the challenger was not.

    ``entities`` are of the ``held`` rows of the hold-out, and perhaps of the ``taught_now`` training rows and
    of the rest after them.
    """
    names = row_hashes(entities.to_frame(), [str(entities.name)])
    knows = pd.Series(names).isin(names[known]).to_numpy()
    if learned.entities is not None and learned.rule.columns == (entities.name,):
        knows = knows | learned.entities.has(names)
    fair = pd.Series(names).isin(names[held : held + taught_now]).to_numpy()
    return np.asarray(knows & ~fair & entities.notna().to_numpy(), dtype=bool)


def _rows(
    rows: pd.DataFrame, sides: Sequence[DatasetRef], rule: SplitRule, data: Data, read: Read
) -> pd.DataFrame:
    """Return the hold-out rows and those of the other sides, with the columns that the rule and keys need."""
    wanted = dict.fromkeys((*columns_of(rule), *data.keys))
    columns: list[str] | None = [name for name in wanted if name in sides[0].columns]
    if rule.kind == "entity" and rows[[*set(rule.columns) & set(rows)]].isna().any(axis=None):
        columns = None  # a row without an entity counts by all its values
    first = rows if columns is None or set(columns) <= set(rows) else read(sides[0], columns)
    others = [read(side, columns) for side in sides[1:]]
    return pd.concat([first, *others], ignore_index=True) if others else first


def _learned_by(registry: Registry, version: Version, time: str) -> Learned | None:
    """Return what the judged model of a version has learned, None when that is not known.

    Of a version made before versions recorded it, the parameters of the run say it where rows have the event
    time ``time`` or a test set of its own was held out.
    """
    run_id = version.tags.get(JUDGED_RUN) or version.run_id
    stored = registry.artifact(run_id, LEARNED)
    if stored is not None:
        return Learned.from_json(stored)
    params = registry.run_params(run_id)
    if params.get("split.by") == "time" and "train.to" in params and "train.from" in params:
        after = pd.Timestamp(params["train.to"]) + pd.Timedelta(microseconds=1)
        first, newest = params["train.from"], params["train.to"]
        return Learned(SplitRule(kind="time", time=time, cut=after.isoformat(), first=first, newest=newest))
    if params.get("split.by") == OWN_TEST_SET:
        return Learned(SplitRule(kind=OWN_TEST_SET, test_set=params.get("holdout.digest", "")))
    return None
