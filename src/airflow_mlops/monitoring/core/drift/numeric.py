"""Drift of a numeric column, from two histograms over the same edges."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import special

from airflow_mlops.monitoring.core.drift.base import DriftTest, Finding, psi
from airflow_mlops.monitoring.core.drift.profiles import Floats, NumericProfile

_PSI_BINS: Final = 10


class NumericDrift(DriftTest[NumericProfile]):
    """Kolmogorov-Smirnov for significance, the Wasserstein distance as effect."""

    profile = NumericProfile
    help = "two-sample Kolmogorov-Smirnov test on the histograms"
    effect = "first Wasserstein distance, in standard deviations of the reference"
    references = ("Stephens 1970 (p-value)", "Chan et al. 1979 (moments)")

    def compare(self, reference: NumericProfile, window: NumericProfile) -> Finding:
        """Compare two histograms over the same edges.

        A constant reference has no standard deviation: then the window's own is the unit. Raises ValueError
        when the edges differ or a side is empty.
        """
        if reference.edges != window.edges or not reference.count or not window.count:
            raise ValueError("two numeric profiles need the same edges and at least one value each")
        distance = wasserstein(reference, window)
        unit = reference.sd or window.sd or distance
        statistic = kolmogorov_smirnov(reference, window)
        return Finding(
            effect=distance / unit if unit else 0.0,
            p_value=ks_p_value(statistic, reference.count, window.count),
            psi=_psi(reference, window),
        )

    def fault(self, reference: NumericProfile, window: NumericProfile) -> str:
        """Return that values lie further outside the reference's range than the range is wide."""
        width = reference.high - reference.low
        outside = window.low < reference.low - width or window.high > reference.high + width
        if not width or not outside:
            return ""
        span = f"{reference.low:g} to {reference.high:g}"
        return f"values from {window.low:g} to {window.high:g}, {span} in the reference"


def kolmogorov_smirnov(reference: NumericProfile, window: NumericProfile) -> float:
    """Return the largest distance of the two distribution functions, at the edges."""
    return float(np.abs(_distribution(reference) - _distribution(window)).max())


def ks_p_value(statistic: float, reference_rows: int, window_rows: int) -> float:
    """Return the two-sample Kolmogorov-Smirnov p-value.

    Asymptotic, with the small-sample correction of Stephens (1970); at most a little too large for a
    statistic that was taken at the edges only, or in the presence of ties.
    """
    size = math.sqrt(reference_rows * window_rows / (reference_rows + window_rows))
    return float(special.kolmogorov((size + 0.12 + 0.11 / size) * statistic))


def wasserstein(reference: NumericProfile, window: NumericProfile) -> float:
    """Return the first Wasserstein distance in the column's unit: the area between both distributions.

    The signed area of a bin follows exactly from its counts and means (integration by parts), so the sum
    of their sizes is exact unless the distributions cross inside a bin, and never too large.
    """
    edges = np.asarray(reference.edges)
    below, inner, above = _areas(reference, edges)
    below_after, inner_after, above_after = _areas(window, edges)
    return float(abs(below - below_after) + np.abs(inner - inner_after).sum() + abs(above - above_after))


def _areas(profile: NumericProfile, edges: Floats) -> tuple[float, Floats, float]:
    """Return the area under the distribution function per bin; for the last bin, the area above it."""
    shares = np.asarray(profile.counts) / profile.count
    means = np.asarray(profile.means)
    inner = np.diff(edges) * np.cumsum(shares)[1:-1] - shares[1:-1] * (means[1:-1] - edges[:-1])
    return float(shares[0] * (edges[0] - means[0])), inner, float(shares[-1] * (means[-1] - edges[-1]))


def _distribution(profile: NumericProfile) -> Floats:
    return np.asarray(np.cumsum(profile.counts[:-1]) / profile.count, dtype=np.float64)


def _psi(reference: NumericProfile, window: NumericProfile) -> float:
    """PSI over the tenths of the reference, as it is commonly shown."""
    counts = np.asarray(reference.counts, dtype=np.float64)
    middle = (np.cumsum(counts) - counts / 2) / reference.count
    tenth = np.minimum((middle * _PSI_BINS).astype(int), _PSI_BINS - 1)
    return psi(
        np.bincount(tenth, weights=counts, minlength=_PSI_BINS),
        np.bincount(tenth, weights=np.asarray(window.counts, dtype=np.float64), minlength=_PSI_BINS),
    )
