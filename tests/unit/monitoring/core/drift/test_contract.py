"""Both drift tests do what the shipped contract asks for."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from airflow_mlops.monitoring.core.drift.categorical import CategoricalDrift
from airflow_mlops.monitoring.core.drift.numeric import NumericDrift
from airflow_mlops.monitoring.core.drift.profiles import CategoricalProfile, NumericProfile, numeric_profile
from airflow_mlops.testing.drift import DriftTestContract, Published

EDGES = np.linspace(-3, 4, 64)


def counts(*values: int) -> CategoricalProfile:
    levels = tuple(f"level {number}" for number in range(len(values)))
    return CategoricalProfile(count=sum(values), nulls=0, levels=levels, counts=values)


def numbers(*values: float) -> NumericProfile:
    return numeric_profile(np.asarray(values), (1.0, 2.0, 3.0, 4.0))


class TestNumeric(DriftTestContract):
    test = NumericDrift()
    published: ClassVar[list[Published]] = [
        Published(
            source="area between two step functions, by hand: all mass moves by 1, the sd is sqrt(5/4)",
            reference=numbers(1, 2, 3, 4),
            window=numbers(2, 3, 4, 5),
            effect=1 / np.sqrt(1.25),
        ),
        Published(
            source="Smirnov 1948, table of the limiting distribution: P(K > 1.36) = 0.0495",
            reference=numbers(*[1] * 5_000, *[2] * 5_000),
            window=numbers(*[1] * 5_192, *[2] * 4_808),
            p_value=0.0495,
            tolerance=0.005,
        ),
    ]

    def draw(self, rng: np.random.Generator, rows: int, shift: float) -> NumericProfile:
        return numeric_profile(rng.normal(shift, 1, rows), tuple(EDGES))


class TestCategorical(DriftTestContract):
    test = CategoricalDrift()
    published: ClassVar[list[Published]] = [
        Published(
            source="chi-squared of a 2 by 2 table by hand: 200 * (60*60 - 40*40)^2 / 100^4 = 8; p = 0.004678",
            reference=counts(60, 40),
            window=counts(40, 60),
            p_value=0.004677735,
        ),
        Published(
            source="Jensen-Shannon distance of disjoint distributions is 1 (Lin 1991)",
            reference=counts(1_000_000, 0),
            window=counts(0, 1_000_000),
            effect=1.0,
            tolerance=1e-5,
        ),
    ]

    def draw(self, rng: np.random.Generator, rows: int, shift: float) -> CategoricalProfile:
        shares = np.array([0.5, 0.3, 0.2]) + shift * np.array([-0.2, 0.0, 0.2])
        return counts(*map(int, rng.multinomial(rows, shares)))
