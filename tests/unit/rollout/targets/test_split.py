"""The weights of a rollout split real requests, on each target."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final

import pytest
from scipy.stats import binom

from airflow_mlops.rollout.targets.base import Target
from tests.support.places import PLACES, Place
from tests.support.server import Registry

REQUESTS: Final = 2000
PERCENTS: Final = (1, 5, 50, 95)
FALSE_ALARM: Final = 1e-6
"""The chance that a right split fails any of these tests."""


@pytest.fixture(scope="module", params=PLACES)
def serving(
    request: pytest.FixtureRequest, serving_registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Place, Target]]:
    """Version 1 is the champion, version 2 is loaded."""
    with (
        PLACES[request.param](serving_registry, tmp_path_factory.mktemp("split")) as place,
        closing(place.target(lease_s=3600)) as target,
    ):
        for version, kind in ((1, "champion"), (2, "good")):
            while target.ensure(version, serving_registry.model_uri(kind)).status == "loading":
                pass
            if version == 1:
                target.finalize(1)
        yield place, target


@pytest.mark.parametrize("percent", PERCENTS)
def test_a_version_gets_the_share_of_its_weight_and_each_answer_is_counted(
    serving: tuple[Place, Target], percent: int
) -> None:
    place, target = serving
    since = target.observe(2, 1, None).epoch
    target.set_weight(2, 1, percent)
    with ThreadPoolExecutor(10) as pool:  # the servers predict for many at once, which costs less
        found = [version for part in pool.map(place.versions, [REQUESTS // 10] * 10) for version in part]
    assert len(found) == REQUESTS
    answered = found.count(2)
    tail = FALSE_ALARM / (2 * len(PLACES) * len(PERCENTS))
    share = percent / 100
    assert binom.ppf(tail, REQUESTS, share) <= answered <= binom.isf(tail, REQUESTS, share)
    [epoch] = target.observe(2, 1, since).epochs
    assert (epoch.canary.requests, epoch.champion.requests) == (answered, REQUESTS - answered)
