"""Sequential evidence on two shares of which only a part was observed: conditional on what was observed.

``EventShareProcess`` needs the requests of both versions. Of labels it may be that only some came, and not as
many for one version as for the other. Here each block of requests is judged by itself, given how many were
observed of each version: of ``n`` observed of the canary and ``m`` of the champion, ``events`` have happened
in all, and the canary's part of them follows Fisher's noncentral hypergeometric distribution with the odds
ratio as its only parameter (R. A. Fisher, *J. R. Stat. Soc.* 98, 1935). The common base rate is gone, and may
differ from block to block. The likelihood ratio of a block is an e-value, exactly 1 in expectation at the
null ratio; the product over blocks, and a mixture of it over alternatives, is an e-process (R. Turner, A.
Ly, P. Grünwald, *Generic e-variables for exact sequential k-sample tests*, 2021).

Ratio of odds and ratio of rates: if the canary's rate is at least m > 1 times the champion's, the ratio of
the odds is at least m as well, because (1 - champion)/(1 - canary) >= 1. So evidence against "odds ratio >=
m" is evidence against "rate ratio >= m", on the safe side, the more so the larger the rates are. Ratios of
1 are the same for both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core.evidence import WORSE, log_mean_exp, log_spaced, mixture


@dataclass(frozen=True)
class Block:
    """What was observed in one stretch of time, and how often the event happened, for both versions.

    ``canary`` and ``champion`` are (observed, events), both counts of requests.
    """

    canary: tuple[int, int]
    champion: tuple[int, int]

    def __post_init__(self) -> None:
        if any(not 0 <= events <= observed for observed, events in (self.canary, self.champion)):
            raise ConfigError(f"events must be between 0 and observed, got {self.canary} and {self.champion}")


@dataclass(frozen=True)
class OddsProcess:
    """Evidence that the odds of an event differ between the versions, given what was observed of each.

    ``null_ratio`` is the odds ratio (canary to champion, > 0) of the null hypothesis, ``ratios`` are the
    alternatives, all on one side of it: alternatives above make the null "<= null_ratio", below ">=".

    Labels came for 90 answers of the canary and for 30 of the champion; 45 and 3 of them were wrong.

    >>> evidence = OddsProcess.inferiority(1.0).log_e([Block((90, 45), (30, 3))])
    >>> round(evidence, 2), evidence >= math.log(1 / 0.05)
    (6.81, True)
    >>> evidence = OddsProcess.inferiority(1.0).log_e([Block((90, 9), (30, 3))])  # a tenth of both
    >>> evidence < 0
    True
    """

    null_ratio: float
    ratios: tuple[float, ...]

    @classmethod
    def inferiority(cls, margin: float) -> OddsProcess:
        """Return the process whose null hypothesis is "the canary's odds are <= ``margin`` times as high"."""
        return cls(margin, tuple(margin * ratio for ratio in WORSE))

    @classmethod
    def non_inferiority(cls, margin: float) -> OddsProcess:
        """Return the process whose null hypothesis is "the canary's odds are >= ``margin`` times as high"."""
        return cls(margin, log_spaced(margin / 16, margin / 1.1, 24))

    def log_e(self, blocks: Iterable[Block], pairs: tuple[int, int] = (0, 0)) -> float:
        """Return the natural logarithm of the evidence against the null hypothesis.

        ``pairs`` counts requests that both versions answered and of which one had the event: (the canary
        only, the champion only). Each is a block of two.
        """
        logs = [0.0] * len(self.ratios)
        for block in blocks:
            for index, value in enumerate(log_ratios(block, self.null_ratio, self.ratios)):
                logs[index] += value
        ours, theirs = pairs
        for index, ratio in enumerate(self.ratios):
            fair = math.log1p(self.null_ratio) - math.log1p(ratio)
            logs[index] += ours * math.log(ratio / self.null_ratio) + (ours + theirs) * fair
        return log_mean_exp(tuple(logs), mixture(self.null_ratio, self.ratios))


def log_e_differs(blocks: Iterable[Block]) -> float:
    """Return the log of the evidence that the odds differ, in either direction."""
    listed = list(blocks)
    return log_mean_exp((_MORE.log_e(listed), _LESS.log_e(listed)))


@lru_cache(maxsize=16_384)
def log_ratios(block: Block, null_ratio: float, ratios: tuple[float, ...]) -> tuple[float, ...]:
    """Return the log likelihood ratio of a block against the null ratio, for each alternative."""
    (observed, events), (base, base_events) = block.canary, block.champion
    total = events + base_events
    least, most = max(0, total - base), min(observed, total)
    if least == most:
        return (0.0,) * len(ratios)  # All or none happened, or only one version was observed.
    import numpy as np  # when a DAG file is parsed nothing is judged

    # C(n, j) C(m, K - j) for each j, as logarithms and up to a factor that cancels.
    j = np.arange(least, most)
    steps = np.log((observed - j) * (total - j)) - np.log((j + 1) * (base - total + j + 1))
    terms = np.concatenate([[0.0], np.cumsum(steps)])
    above = np.arange(most - least + 1)
    odds = np.log(np.array([null_ratio, *ratios]))[:, None]
    weighed = terms + above * odds
    top = weighed.max(axis=1, keepdims=True)
    sums = top[:, 0] + np.log(np.exp(weighed - top).sum(axis=1))
    found = (events - least) * (odds[1:, 0] - odds[0, 0]) + sums[0] - sums[1:]
    return tuple(found.tolist())


_MORE = OddsProcess.inferiority(1.0)
_LESS = OddsProcess.non_inferiority(1.0)
