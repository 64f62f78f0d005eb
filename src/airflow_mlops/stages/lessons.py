"""The rows of a training: those that the judged model learns, those that are held out, and all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.core.records import DatasetRef, FeatureSet
from airflow_mlops.data.event_times import times_of
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.training.core.row_choice import Choice, choose
from airflow_mlops.training.weights import checked

_QUANTILES: Final = 41
_SAMPLED: Final = 20_000


@dataclass(frozen=True)
class Lesson:
    """Rows in parts, raw and as features, which are read when they are asked for.

    Those that ``teaches`` are only the newest, or a sample, where ``train`` says so. Rows with a label that
    is none of ``classes`` are left out, where these are given.
    """

    call: StageCall
    parts: tuple[tuple[DatasetRef, DatasetRef], ...]
    teaches: bool = True
    classes: Sequence[Any] | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._total if self._places is None else len(self._places)

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of all parts."""
        return tuple(ref.digest for part in self.parts for ref in part)

    @property
    def facts(self) -> dict[str, str | int]:
        """What a run should remember of the rows, by name."""
        found: dict[str, str | int] = {"learned.rows": self.rows}
        if self.choice is not None:
            found["learned.of"] = f"{self.choice.how} of {self._total:,} rows"
        if self.call.pipeline.train.weights:
            found["learned.weights"] = self.call.pipeline.train.weights
        return found

    @cached_property
    def choice(self) -> Choice | None:
        """The rows that ``train.window`` and ``train.sample`` leave; None for all."""
        train = self.call.pipeline.train
        if not self.teaches or (train.window is None and train.sample is None):
            return None
        times = None
        if train.window is not None and self._has_times:
            name = str(self.call.pipeline.data.time_column)
            times = self._times([self.call.read(raw, [name]) for raw, _ in self.parts])
        return choose(self._total, times, train.window, train.sample)

    def features(self) -> pd.DataFrame:
        """Return what the estimator sees of the rows."""
        return self._chosen([self.call.read(features) for _, features in self.parts])

    def raw(self) -> pd.DataFrame:
        """Return the rows as the feature function gets them, without the target."""
        pipeline = self.call.pipeline
        left_out = [name for name in (pipeline.data.target, pipeline.train.weights) if name]
        return self._chosen([self.call.read(raw).drop(columns=left_out) for raw, _ in self.parts])

    def labels(self) -> pd.Series:
        """Return the target of the rows."""
        return self._column(self.call.pipeline.data.target)

    def columns(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Return columns of the raw rows as they were stored; all of them by default."""
        return self._chosen([self.call.read(raw, names) for raw, _ in self.parts])

    def weights(self) -> pd.Series | None:
        """Return the weights of the rows in a fit, None when all count alike; raises DataRejected."""
        name = self.call.pipeline.train.weights
        return checked(self._column(name)) if name else None

    def time_quantiles(self) -> tuple[str, ...]:
        """Return evenly spaced quantiles of the event times of the rows, as ISO times; none without times.

        They come from a sample, as a column of text is slow to read.
        """
        if not self._has_times:
            return ()
        written = self._column(str(self.call.pipeline.data.time_column)).to_frame()
        if len(written) > _SAMPLED:
            written = written.sample(_SAMPLED, random_state=0)
        levels = np.linspace(0.0, 1.0, _QUANTILES)
        found = np.quantile(self._times([written]).astype("M8[us]").astype(np.int64), levels, method="lower")
        return tuple(f"{text}+00:00" for text in np.datetime_as_string(found.astype("M8[us]"), unit="s"))

    @cached_property
    def _places(self) -> NDArray[np.int64] | None:
        """Positions of the rows that are left of all parts; None for all."""
        chosen = None if self.choice is None else self.choice.rows
        if self.classes is None:
            return chosen
        target = self.call.pipeline.data.target
        labels = pd.concat([self.call.read(raw, [target]) for raw, _ in self.parts])[target]
        known = labels.isin(list(self.classes)).to_numpy()
        if known.all():
            return chosen
        return np.flatnonzero(known) if chosen is None else chosen[known[chosen]]

    @property
    def _has_times(self) -> bool:
        named = self.call.pipeline.data.time_column is not None
        return named and all(raw.times is not None for raw, _ in self.parts)

    def _times(self, frames: list[pd.DataFrame]) -> NDArray[np.datetime64]:
        found = (times_of(frame, self.call.pipeline.data) for frame in frames)
        return np.concatenate([times.dt.tz_convert(None).to_numpy() for times in found if times is not None])

    @property
    def _total(self) -> int:
        return sum(raw.rows for raw, _ in self.parts)

    def _column(self, name: str) -> pd.Series:
        return self.columns([name])[name]

    def _chosen(self, frames: list[pd.DataFrame]) -> pd.DataFrame:
        frame = _joined(frames)
        return frame if self._places is None else frame.iloc[self._places].reset_index(drop=True)


def judged_rows(call: StageCall, found: FeatureSet) -> Lesson:
    """Return the rows that the judged model learns: none of the hold-out."""
    return Lesson(call, ((found.train, found.train_features),))


def held_rows(call: StageCall, found: FeatureSet) -> Lesson:
    """Return the rows that the judged model answers."""
    return Lesson(call, ((found.holdout, found.holdout_features),), teaches=False)


def all_rows(call: StageCall, found: FeatureSet, classes: Sequence[Any] | None) -> Lesson:
    """Return the rows that the registered model learns: also those aside, and those that were held out.

    ``classes`` are the labels that the judged model knows, None for a regressor.
    """
    aside = ((found.aside, found.aside_features),) if found.aside and found.aside_features else ()
    parts = (*judged_rows(call, found).parts, *aside, *held_rows(call, found).parts)
    return Lesson(call, parts, classes=classes)


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return frames of the same columns as one; categories are those of all."""
    if len(frames) == 1:
        return frames[0]
    for name in frames[0].columns:
        dtypes = [frame[name].dtype for frame in frames]
        if isinstance(dtypes[0], pd.CategoricalDtype) and any(dtype != dtypes[0] for dtype in dtypes):
            every = pd.api.types.union_categoricals([frame[name] for frame in frames], ignore_order=True)
            for frame in frames:
                frame[name] = frame[name].cat.set_categories(every.categories)
    return pd.concat(frames, ignore_index=True)
