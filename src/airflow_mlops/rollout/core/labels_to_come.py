"""How labels are assumed to come, in a forecast and in a simulation: how many, and how late. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.label_ages import age_class
from airflow_mlops.rollout.core.guards import GuardPlan
from airflow_mlops.rollout.core.labelled import MIN_DELAY_S, ArmLabels, LabelRow

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class LabelsToCome:
    """Which part of the answers is labelled, and when.

    ``coverage`` has the shares (0 to 1) of the canary's and of the champion's answers, ``delay_s`` is the
    time in seconds from a prediction to its label.
    """

    coverage: tuple[float, float] = (1.0, 1.0)
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 < share <= 1 for share in self.coverage) or self.delay_s < 0:
            raise ConfigError(
                f"coverage must be above 0 and at most 1 and the delay at least 0 s, "
                f"got {self.coverage} and {self.delay_s}"
            )

    @property
    def alike(self) -> bool:
        """Whether labels reach both versions alike, so that the guard quality can judge by them."""
        return self.coverage[0] == self.coverage[1]

    def judged_after_s(self, guard: GuardPlan) -> float:
        """Return the age in seconds at which the guard judges a request."""
        wanted = 2 * age_class(self.delay_s) if guard.label_delay_s is None else guard.label_delay_s
        return age_class(max(MIN_DELAY_S, wanted))

    def reach(self, guard: GuardPlan) -> float:
        """Return the share of the answers whose label counts; 0 when labels come too late."""
        late = age_class(self.delay_s) > self.judged_after_s(guard)
        return 0.0 if late or not self.alike else self.coverage[0]

    def share_for(self, guard: GuardPlan) -> float:
        """Return the smaller share of the answers that a guard hears of."""
        return min(self.coverage) if guard.name == "quality" else 1.0

    def blindness(self, guards: Iterable[GuardPlan]) -> str:
        """Return why the guard quality will never judge such labels; empty when it will or is off."""
        guard = next((guard for guard in guards if guard.name == "quality"), None)
        if guard is None or self.reach(guard):
            return ""
        if not self.alike:
            canary, champion = (f"{share:.0%}" for share in self.coverage)
            return (
                f"quality cannot be judged: labels reach {canary} of the canary's answers and {champion} of "
                "the champion's; label a random sample of both alike, or use a shadow"
            )
        return (
            f"quality cannot be judged: labels come after {self.delay_s:g} s, but label_delay is "
            f"{guard.label_delay_s:g} s; raise it"
        )


@dataclass
class SimulatedLabels:
    """Labels of a simulated rollout, which come some time after their requests."""

    to_come: LabelsToCome
    _rows: dict[tuple[int, int], list[tuple[float, LabelRow]]] = field(default_factory=dict)
    _come: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def answered(
        self,
        rng: np.random.Generator,
        percent: int,
        begun: float,
        ended: float,
        sides: tuple[tuple[int, float], ...],
    ) -> None:
        """Draw the labels of the requests between two seconds.

        ``sides`` has (requests, share of wrong predictions) of canary and champion, whose requests are the
        same when ``percent``, the canary's traffic, is 0.
        """
        age, seconds = age_class(self.to_come.delay_s), ended - begun
        pairs = int(rng.binomial(sides[1][0], self.to_come.coverage[1]))
        for side, (requests, rate) in enumerate(sides):
            labelled = int(rng.binomial(requests, self.to_come.coverage[side])) if percent else pairs
            wrong = int(rng.binomial(labelled, rate))
            rows = self._rows.setdefault((percent, side), [])
            rows.append((ended, LabelRow(begun, seconds, "1", 0.0, requests, 0, 0)))
            rows.append(
                (ended + self.to_come.delay_s, LabelRow(begun, seconds, "1", age, 0, labelled, wrong))
            )

    def seen(self, percent: int, side: int, now: float, through: float) -> tuple[ArmLabels, int, int]:
        """Return what has come until ``now``: rows after ``through``, all labels, those that are wrong."""
        key = (percent, side)
        rows = self._rows.get(key, [])
        labelled, wrong = self._come.get(key, (0, 0))
        closed = [row for at, row in rows if at <= now and row.start < through]
        labelled += sum(row.labelled for row in closed)
        wrong += sum(row.wrong for row in closed)
        self._come[key] = (labelled, wrong)
        self._rows[key] = [(at, row) for at, row in rows if at > now or row.start >= through]
        here = tuple(row for at, row in self._rows[key] if at <= now)
        labels = ArmLabels(now, here)
        return labels, labelled + sum(r.labelled for r in here), wrong + sum(r.wrong for r in here)
