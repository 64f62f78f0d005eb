"""Profiles: what is kept of a column so that later windows can be compared without the training data.

A profile is a frozen value. Two numeric profiles over the same edges, or two categorical profiles over
the same levels, add up: that is how a file is read batch by batch, and how days become a week.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from airflow_mlops.core.errors import ConfigError

SCHEMA_VERSION: Final = 1

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NumericProfile:
    """A histogram and moments of one numeric column.

    ``counts[i]`` counts the values in ``(edges[i-1], edges[i]]`` and ``means[i]`` is their mean (0 where
    there is none); the first bin is open below and the last one open above, so there is one bin more
    than there are edges. ``sd`` is the population standard deviation; ``nulls`` includes NaN and infinity.
    """

    kind: ClassVar[str] = "numeric"
    count: int
    nulls: int
    mean: float
    sd: float
    low: float
    high: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    means: tuple[float, ...]

    def __add__(self, other: NumericProfile) -> NumericProfile:
        """Return the profile of both sets of rows; both must use the same edges (Chan et al. 1979)."""
        if self.edges != other.edges:
            raise ValueError("numeric profiles with different edges cannot be added")
        total = self.count + other.count
        if not self.count or not other.count:
            base = self if self.count else other
            return replace(base, nulls=self.nulls + other.nulls)
        delta = other.mean - self.mean
        squares = self.count * self.sd**2 + other.count * other.sd**2
        squares += delta**2 * (self.count / total) * other.count
        counts = np.add(self.counts, other.counts)
        means = self.means + np.subtract(other.means, self.means) * other.counts / np.maximum(counts, 1)
        return NumericProfile(
            count=total,
            nulls=self.nulls + other.nulls,
            mean=self.mean + delta * other.count / total,
            sd=math.sqrt(squares / total),
            low=min(self.low, other.low),
            high=max(self.high, other.high),
            edges=self.edges,
            counts=tuple(counts.tolist()),
            means=tuple(means.tolist()),
        )

    def rounded(self) -> NumericProfile:
        """Return the profile with bin means rounded to a millionth of the sd, which keeps its JSON small."""
        if not self.sd:
            return self
        digits = 6 - math.floor(math.log10(self.sd))
        return replace(self, means=tuple(round(mean, digits) for mean in self.means))


@dataclass(frozen=True, kw_only=True)
class CategoricalProfile:
    """Counts of a column's most frequent levels; ``other`` counts the rows of all further levels."""

    kind: ClassVar[str] = "categorical"
    count: int
    nulls: int
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    other: int = 0

    def __add__(self, other: CategoricalProfile) -> CategoricalProfile:
        """Return the profile of both sets of rows; both must use the same levels."""
        if self.levels != other.levels:
            raise ValueError("categorical profiles with different levels cannot be added")
        return CategoricalProfile(
            count=self.count + other.count,
            nulls=self.nulls + other.nulls,
            levels=self.levels,
            counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            other=self.other + other.other,
        )


ColumnProfile = NumericProfile | CategoricalProfile
_KINDS: Final[Mapping[str, type[NumericProfile] | type[CategoricalProfile]]] = {
    profile.kind: profile for profile in (NumericProfile, CategoricalProfile)
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The profile of a dataset: its columns, the model's score on it, and the target.

    ``times`` are evenly spaced quantiles of the event times of its rows, as ISO times in UTC; none without
    any.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    score: ColumnProfile | None = None
    target: Mapping[str, Any] = field(default_factory=dict)
    times: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the profile as plain JSON values."""
        return {
            "kind": "Profile",
            "schema_version": SCHEMA_VERSION,
            "rows": self.rows,
            "columns": {name: _column_json(column) for name, column in self.columns.items()},
            "score": None if self.score is None else _column_json(self.score),
            "target": dict(self.target),
            "times": list(self.times),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Profile:
        """Build a profile from ``to_json`` output.

        Raises ConfigError when it is not a profile, or one written by a newer release.
        """
        if data.get("kind") != "Profile":
            raise ConfigError(f"expected a reference profile, got kind {data.get('kind')!r}")
        if data.get("schema_version", 0) > SCHEMA_VERSION:
            raise ConfigError(
                f"the reference profile has schema {data['schema_version']}, this release reads up to "
                f"{SCHEMA_VERSION}: upgrade airflow-mlops on the worker"
            )
        score = data.get("score")
        return cls(
            rows=data["rows"],
            columns={name: _column(value) for name, value in data["columns"].items()},
            score=None if score is None else _column(score),
            target=data.get("target") or {},
            times=tuple(data.get("times") or ()),
        )


def _column_json(column: ColumnProfile) -> dict[str, Any]:
    return {
        "kind": column.kind,
        **{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(column).items()},
    }


def _column(data: Mapping[str, Any]) -> ColumnProfile:
    kind = _KINDS.get(str(data.get("kind")))
    if kind is None:
        raise ConfigError(f"unknown kind of column profile {data.get('kind')!r}; known: {', '.join(_KINDS)}")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in data.items()
        if name != "kind"
    }
    return kind(**values)


def choose_edges(values: Floats, bins: int) -> tuple[float, ...]:
    """Choose at most ``bins`` histogram edges among the values of a column.

    Up to ``bins`` distinct values each become an edge, which makes every comparison exact. Otherwise
    edges are row quantiles; where ties leave some over (a column of mostly zeros), the rest resolve the
    distinct values, so that the tail keeps its shape. ``values`` must be finite; none gives no edges.
    """
    distinct = np.unique(values)
    if distinct.size <= bins:
        return tuple(distinct.tolist())
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, bins), method="inverted_cdf"))
    if spare := bins - edges.size:
        rest = np.setdiff1d(distinct, edges)
        edges = np.union1d(edges, rest[np.linspace(0, rest.size - 1, spare).astype(int)])
    return tuple(edges.tolist())


def numeric_profile(values: Floats, edges: Sequence[float], *, nulls: int = 0) -> NumericProfile:
    """Count ``values`` over ``edges``; missing ones are NaN, or were left out and are given as ``nulls``."""
    finite = values[np.isfinite(values)]
    nulls += values.size - finite.size
    bounds = np.asarray(edges, dtype=np.float64)
    bins = bounds.size + 1
    if not finite.size:
        empty: dict[str, Any] = {"mean": 0.0, "sd": 0.0, "low": 0.0, "high": 0.0, "means": (0.0,) * bins}
        return NumericProfile(count=0, nulls=nulls, edges=tuple(edges), counts=(0,) * bins, **empty)
    slots = np.searchsorted(bounds, finite, side="left")
    counts = np.bincount(slots, minlength=bins)
    means = np.bincount(slots, weights=finite, minlength=bins) / np.maximum(counts, 1)
    return NumericProfile(
        count=finite.size,
        nulls=nulls,
        mean=float(finite.mean()),
        sd=float(finite.std()),
        low=float(finite.min()),
        high=float(finite.max()),
        edges=tuple(edges),
        counts=tuple(counts.tolist()),
        means=tuple(means.tolist()),
    )
