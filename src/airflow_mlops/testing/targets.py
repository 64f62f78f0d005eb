"""What every deployment target must do, as a pytest class to inherit from.

class TestMyTarget(TargetContract):
    @pytest.fixture
    def target(self): ...             # a fresh target that serves nothing
    @pytest.fixture
    def uris(self): ...               # {1: uri, 2: uri} of two models that load

    def answered(self, target, requests): ...   # real requests through the target: who answered each
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.targets.base import Target


class TargetContract:
    """Tests of one deployment target; version 1 is the champion and version 2 the canary.

    What the class of the target says to be ``unsupported`` is expected to be refused.
    """

    def answered(self, target: Target, requests: int) -> Sequence[int]:
        """Send requests through the target, one after another; return the versions that answered, in order.

        The subclass knows how. One caller sends them, on one connection if the target keeps connections open.
        """
        raise NotImplementedError

    def send(self, target: Target, requests: int) -> None:
        """Send requests through the target."""
        assert len(self.answered(target, requests)) == requests

    def _serve_champion(self, target: Target, uris: Mapping[int, str]) -> None:
        assert target.ensure(1, uris[1]).status == "ok"
        target.finalize(1)

    def test_it_says_what_it_is_and_needs(self, target: Target) -> None:
        """Messages, the connection form and the documentation are derived from the class."""
        assert target.name
        assert target.help
        assert {field.option for field in target.connection_fields if field.required}

    def test_a_fresh_target_knows_no_version(self, target: Target) -> None:
        """An unknown version is absent and without traffic, not an error."""
        seen = target.observe(2, 1, None)
        assert (seen.health.status, seen.percent, seen.epochs) == ("absent", 0, ())

    def test_finalize_gives_all_traffic_to_the_champion(
        self, target: Target, uris: Mapping[int, str]
    ) -> None:
        """After finalize one version has it all and the others are gone."""
        self._serve_champion(target, uris)
        assert target.ensure(2, uris[2]).status == "ok"
        target.set_weight(2, 1, 40)
        target.finalize(1)
        seen = target.observe(2, 1, None)
        assert (target.current_weight(1), seen.health.status, seen.champion) == (100, "absent", 1)

    def test_weights_are_absolute_and_read_back(self, target: Target, uris: Mapping[int, str]) -> None:
        """The percent that was set is the percent that is seen, however often it is set."""
        self._serve_champion(target, uris)
        target.ensure(2, uris[2])
        for percent in (5, 50, 50, 100, 0):
            target.set_weight(2, 1, percent)
            seen = target.observe(2, 1, None)
            assert (target.current_weight(2), seen.percent, seen.champion) == (percent, percent, 1)

    def test_ensure_twice_is_harmless(self, target: Target, uris: Mapping[int, str]) -> None:
        """A version that is loaded stays loaded."""
        assert target.ensure(1, uris[1]) == target.ensure(1, uris[1])

    def test_a_model_that_does_not_exist_is_failed(self, target: Target, uris: Mapping[int, str]) -> None:
        """A broken URI is a finding about the version, not an outage of the target."""
        health = target.ensure(100_000, f"{uris[1].rpartition('/')[0]}/100000")
        assert health.status == "failed"
        assert health.detail

    def test_counts_belong_to_their_split(self, target: Target, uris: Mapping[int, str]) -> None:
        """Requests are counted under the split in force, and only those since the epoch asked for."""
        self._serve_champion(target, uris)
        target.ensure(2, uris[2])
        since = target.observe(2, 1, None).epoch
        target.set_weight(2, 1, 100)
        self.send(target, 8)
        target.set_weight(2, 1, 0)
        self.send(target, 5)
        first, second = target.observe(2, 1, since).epochs
        assert (first.percent, first.canary.requests, first.champion.requests) == (100, 8, 0)
        assert (second.percent, second.canary.requests, second.champion.requests) == (0, 0, 5)
        assert target.observe(2, 1, second.epoch).epochs == ()

    def test_each_request_is_drawn_anew(self, target: Target, uris: Mapping[int, str]) -> None:
        """A caller who sends kinds of rows in turn has each kind answered by both versions.

        A split in turn, or one that keeps a connection on one version, gives a version one kind only: the
        callers would decide the verdict. By chance a version misses a kind once in 10^14 runs.
        """
        self._serve_champion(target, uris)
        target.ensure(2, uris[2])
        target.set_weight(2, 1, 50)
        versions = self.answered(target, 240)
        for period in (2, 3, 5):
            for phase in range(period):
                assert set(versions[phase::period]) == {1, 2}, f"request {phase} of every {period}"

    def test_a_shadow_has_no_traffic_and_ends_with_the_next_weight(
        self, target: Target, uris: Mapping[int, str]
    ) -> None:
        """Copies go to the version while its percent is 0; the champion answers everybody."""
        self._serve_champion(target, uris)
        target.ensure(2, uris[2])
        if not target.can_shadow():
            with pytest.raises(ConfigError, match="shadow"):
                target.shadow(2, 1)
            assert (target.current_weight(1), target.observe(2, 1, 0).shadow) == (100, None)
            return
        target.shadow(2, 1)
        self.send(target, 4)
        seen = target.observe(2, 1, 0)
        assert (seen.shadow, seen.percent, target.current_weight(1)) == (2, 0, 100)
        target.set_weight(2, 1, 5)
        assert target.observe(2, 1, 0).shadow is None
