"""What every drift test must do, as a pytest class to inherit from.

class TestMyDrift(DriftTestContract):
    test = MyDrift()
    published = [...]                          # known results, each with its source
    def draw(self, rng, rows, shift): ...      # the profile of a random sample
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import pytest

from airflow_mlops.monitoring.core.drift.base import DriftTest
from airflow_mlops.monitoring.core.drift.profiles import ColumnProfile

_LEVEL: Final = 0.05
_ROWS: Final = 1_000
_STANDARD_ERRORS: Final = 4.0


@dataclass(frozen=True, kw_only=True)
class Published:
    """A known result: ``source`` says where it is from; what is None is not compared.

    ``tolerance`` is relative.
    """

    source: str
    reference: ColumnProfile
    window: ColumnProfile
    effect: float | None = None
    p_value: float | None = None
    tolerance: float = 1e-6


class DriftTestContract(ABC):
    """Tests of one drift test."""

    test: ClassVar[DriftTest[Any]]
    published: ClassVar[Sequence[Published]]

    @abstractmethod
    def draw(self, rng: np.random.Generator, rows: int, shift: float) -> ColumnProfile:
        """Return the profile of ``rows`` random rows; those of one ``shift`` come from one distribution.

        All profiles must be counted over the same bins. A larger ``shift`` (0 to 1) is further away from 0.
        """

    def test_it_says_what_it_is(self) -> None:
        """Documentation is derived from the class."""
        assert self.test.help
        assert self.test.effect
        assert self.test.references

    def test_it_agrees_with_published_values(self) -> None:
        """Each known result comes out."""
        assert self.published
        for known in self.published:
            found = self.test.compare(known.reference, known.window)
            for name in ("effect", "p_value"):
                value = getattr(known, name)
                if value is not None:
                    assert getattr(found, name) == pytest.approx(value, rel=known.tolerance), known.source

    def test_a_sample_does_not_drift_from_itself(self) -> None:
        """Nothing changed: no effect, no significance, no fault."""
        profile = self.draw(np.random.default_rng(1), _ROWS, 0.0)
        found = self.test.compare(profile, profile)
        assert (found.effect, found.psi) == (0.0, 0.0)
        assert found.p_value == pytest.approx(1.0)
        assert self.test.fault(profile, profile) == ""

    def test_a_larger_shift_is_a_larger_effect(self) -> None:
        """Effect and significance follow the distance."""
        rng = np.random.default_rng(2)
        reference = self.draw(rng, 20 * _ROWS, 0.0)
        found = [self.test.compare(reference, self.draw(rng, 20 * _ROWS, shift)) for shift in (0.0, 0.3, 1.0)]
        effects = [finding.effect for finding in found]
        assert effects == sorted(effects)
        assert found[-1].p_value < 1e-6

    @pytest.mark.simulation
    def test_false_alarms_are_not_more_than_the_level(self) -> None:
        """Without drift at most 5 % of the p-values are below 0.05, up to four standard errors."""
        draws = 3_000 if os.environ.get("SIMULATIONS") == "full" else 300
        rng = np.random.default_rng(3)
        alarms = 0
        for _ in range(draws):
            pair = self.draw(rng, _ROWS, 0.0), self.draw(rng, _ROWS, 0.0)
            alarms += self.test.compare(*pair).p_value < _LEVEL
        limit = _LEVEL + _STANDARD_ERRORS * np.sqrt(_LEVEL * (1 - _LEVEL) / draws)
        assert alarms / draws <= limit
