"""Drift of a categorical column, from counts over the same levels."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import special

from airflow_mlops.monitoring.core.drift.base import DriftTest, Finding, psi
from airflow_mlops.monitoring.core.drift.profiles import CategoricalProfile, Floats

_LEAST_EXPECTED: Final = 5.0
_MORE_UNKNOWN: Final = 0.01


class CategoricalDrift(DriftTest[CategoricalProfile]):
    """Chi-squared for significance, the Jensen-Shannon distance as effect."""

    profile = CategoricalProfile
    help = "chi-squared test on the counts; levels too rare for it are pooled"
    effect = "Jensen-Shannon distance, 0 to 1 (base 2), corrected for the bias of sampling"
    references = ("Cochran 1954 (pooling)", "Lin 1991 (divergence)")

    def compare(self, reference: CategoricalProfile, window: CategoricalProfile) -> Finding:
        """Compare counts over the same levels; raises ValueError when they differ or a side is empty."""
        if reference.levels != window.levels or not reference.count or not window.count:
            raise ValueError("two categorical profiles need the same levels and at least one value each")
        before, after = pool_rare(
            np.asarray([*reference.counts, reference.other], dtype=np.float64),
            np.asarray([*window.counts, window.other], dtype=np.float64),
        )
        return Finding(
            effect=jensen_shannon(before, after),
            p_value=chi_squared_p_value(before, after),
            psi=psi(before, after),
        )

    def fault(self, reference: CategoricalProfile, window: CategoricalProfile) -> str:
        """Return that more rows than before have a level that the reference does not list."""
        was, now = reference.other / reference.count, window.other / window.count
        if now - was <= _MORE_UNKNOWN:
            return ""
        return f"{now:.1%} rare or unknown levels, {was:.1%} in the reference"


def pool_rare(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Pool the levels whose expected count is below 5 in either sample into one, which comes last.

    When the pool itself stays below 5 it joins the smallest level that is left (Cochran 1954).
    """
    both = before + after
    smaller = min(before.sum(), after.sum()) / both.sum()
    rare = both * smaller < _LEAST_EXPECTED
    pools = [np.append(side[~rare], side[rare].sum()) for side in (before, after)]
    last = pools[0][-1] + pools[1][-1]
    if last * smaller < _LEAST_EXPECTED and not rare.all():
        smallest = int(np.argmin(pools[0][:-1] + pools[1][:-1]))
        for pool in pools:
            pool[smallest] += pool[-1]
        pools = [pool[:-1] for pool in pools]
    return pools[0], pools[1]


def chi_squared_p_value(before: Floats, after: Floats) -> float:
    """Return the p-value of the chi-squared test that two rows of counts have one distribution."""
    if before.size < 2:
        return 1.0
    ratio = math.sqrt(after.sum() / before.sum())
    statistic = np.sum((before * ratio - after / ratio) ** 2 / (before + after))
    return float(special.chdtrc(before.size - 1, statistic))


def jensen_shannon(before: Floats, after: Floats) -> float:
    """Return the Jensen-Shannon distance (Lin 1991; base 2) of two rows of counts, bias-corrected.

    Without drift the divergence of two samples of n and m rows over k levels is (k-1)(1/n + 1/m)/8 nats
    on average, the chi-squared expansion of its definition; that is subtracted, and less than nothing
    counts as nothing.
    """
    p, q = before / before.sum(), after / after.sum()
    middle = (p + q) / 2
    divergence = (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum() / 2
    bias = (before.size - 1) * (1 / before.sum() + 1 / after.sum()) / 8
    return math.sqrt(max(float(divergence) - float(bias), 0.0) / math.log(2))
