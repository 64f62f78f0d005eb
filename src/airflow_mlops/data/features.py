"""Splitting rows without leakage, and the user's feature function with its output checked."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data import feature_rows
from airflow_mlops.data.event_times import times_of
from airflow_mlops.user_code.loading import call_user_function, load_object

_LOG = logging.getLogger(__name__)
_SEED: Final = 0
_FEW_CLASSES: Final = 20


@dataclass(frozen=True)
class Split:
    """Which rows are held out, shape (rows,), and how they were chosen: in one sentence and by what.

    ``by`` is ``time``, ``entity`` or ``random``; ``times`` are the event times of all rows, if any.
    """

    held_out: NDArray[np.bool_]
    how: str
    by: str
    times: pd.Series | None = None


def labelled(frame: pd.DataFrame, target: str, where: str = "") -> pd.DataFrame:
    """Return the rows that have a label; raises DataRejected when none has. ``where`` names them."""
    known, of = frame[target].notna(), f" of {where}" if where else ""
    if not known.any():
        raise DataRejected(f"none of the {len(frame):,} rows{of} has a value in the target {target!r}")
    if not known.all():
        _LOG.warning(
            "%s of %s rows%s have no %s and are left out",
            f"{(~known).sum():,}",
            f"{len(frame):,}",
            of,
            target,
        )
    return frame if known.all() else frame[known].reset_index(drop=True)


def split(frame: pd.DataFrame, data: Data, *, samples: bool = True) -> Split:
    """Choose the hold-out: the newest rows, else whole groups, else a random share.

    By time, rows of one moment stay together; by group (the first key), rows of one entity do; at random,
    a target of few classes keeps their shares. The same rows give the same split.
    Without ``samples`` no error quotes a cell.
    Raises DataRejected when one side would be empty, and what ``times_of`` raises.
    """
    times = times_of(frame, data, samples=samples)
    if times is not None:
        found = _by_time(times, data)
    elif data.keys:
        found = _by_group(frame[data.keys[0]], data)
    else:
        found = _at_random(frame[data.target], data.holdout)
    held = int(found.held_out.sum())
    if held in (0, len(frame)):
        raise DataRejected(
            f"cannot hold out {data.holdout:.0%} of {len(frame):,} rows {found.how}: one side would be "
            "empty; give more rows or another data.holdout"
        )
    return found


def build(
    frame: pd.DataFrame,
    data: Data,
    path: str | None,
    base: Path,
    *,
    samples: bool = True,
    weights: str | None = None,
) -> pd.DataFrame:
    """Return the features of raw rows: what the function ``path`` makes of them, or all other columns.

    The function gets the rows without the target and without the column ``weights``. Raises ConfigError
    naming the function when it fails, returns no DataFrame, loses or reorders rows, returns the target, or
    makes a row's features depend on the other rows (which would differ between training and serving). With
    ``samples`` it quotes a row.
    """
    if weights and weights not in frame.columns:
        raise ConfigError(
            f"train.weights: the data has no column {weights!r}{did_you_mean(weights, list(frame.columns))}"
        )
    left_out = [data.target, *([weights] if weights else ())]
    raw = frame.drop(columns=left_out).reset_index(drop=True)
    if path is None:
        return raw.drop(columns=list(data.keys))
    function = load_object(path, base)

    def ask(rows: pd.DataFrame) -> Any:
        return call_user_function(function, path, rows)

    features = ask(raw.copy())
    if not isinstance(features, pd.DataFrame):
        raise ConfigError(f"{path} returned {type(features).__name__}, it must return a DataFrame")
    feature_rows.check_rows(features, raw, ask, path, samples=samples)
    features = _checked(features, data, path)
    feature_rows.check_alone(features, raw, ask, path, samples=samples)
    return features.reset_index(drop=True)


def _by_time(times: pd.Series, data: Data) -> Split:
    ordered = times.sort_values(ignore_index=True)
    cut = ordered.iloc[min(int(len(ordered) * (1 - data.holdout)), len(ordered) - 1)]
    how = f"by time: {data.time_column} from {cut.isoformat()} is held out"
    return Split((times >= cut).to_numpy(), how, "time", times)


def _by_group(groups: pd.Series, data: Data) -> Split:
    codes, names = pd.factorize(groups, sort=True)
    order = np.random.default_rng(_SEED).permutation(len(names))
    sizes = np.bincount(codes, minlength=len(names))[order]
    chosen = order[np.cumsum(sizes) <= max(data.holdout * len(groups), sizes[0] if len(names) > 1 else 0)]
    how = f"by entity: {len(chosen):,} of {len(names):,} {data.keys[0]} are held out"
    return Split(np.isin(codes, chosen), how, "entity")


def _at_random(target: pd.Series, share: float) -> Split:
    rng = np.random.default_rng(_SEED)
    codes, names = pd.factorize(target)
    stratified = len(names) <= _FEW_CLASSES
    held = np.zeros(len(target), dtype=bool)
    for rows in (
        [np.flatnonzero(codes == k) for k in range(len(names))] if stratified else [np.arange(len(target))]
    ):
        held[rng.permutation(rows)[: round(share * len(rows))]] = True
    return Split(held, "at random, by class" if stratified else "at random", "random")


def _checked(features: pd.DataFrame, data: Data, path: str) -> pd.DataFrame:
    if data.target in features.columns:
        raise ConfigError(f"{path} returned the target {data.target!r} as a feature")
    if repeated := sorted({str(name) for name in features.columns[features.columns.duplicated()]}):
        raise ConfigError(f"{path} returned columns twice: {', '.join(repeated)}")
    if features.shape[1] == 0:
        raise ConfigError(f"{path} returned no column")
    return features.rename(columns=str)


def same_columns(train: pd.DataFrame, holdout: pd.DataFrame) -> None:
    """Raise ConfigError when the two sides did not get the same features in the same order."""
    if list(train.columns) != list(holdout.columns):
        odd = sorted(set(train.columns) ^ set(holdout.columns)) or ["their order"]
        raise ConfigError(
            f"train and hold-out got different features: {', '.join(odd[:8])}; name them all always"
        )
