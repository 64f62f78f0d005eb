from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from airflow_mlops.rollout.core import Phase, RolloutPlan, RolloutState, advance, judge
from airflow_mlops.rollout.targets.haproxy.counting import Counting
from airflow_mlops.rollout.targets.haproxy.split import Reading, Split
from airflow_mlops.rollout.targets.haproxy.view import View
from airflow_mlops.rollout.targets.model_server import ModelServer
from tests.support.rollout_states import at_step, look

PLAN = RolloutPlan(
    name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(20,),
    tolerance=0.002,
)  # fmt: skip


class Server:
    """Answers with the counts of one epoch."""

    def __init__(self, version: int, counted: dict[str, int]) -> None:
        self._epochs = [{"epoch": 1, "counts": {str(version): counted}}]

    def counts(self, _since: int) -> list[dict[str, Any]]:
        return self._epochs


def split(unserved: int) -> Split:
    begin, end = (Reading(epoch=1, downs=0, unserved=count) for count in (0, unserved))
    return Split(
        number=1, version=3, champion=2, percent=20, canary_slot="a", champion_slot="b", canary=begin,
        champion_=begin, canary_end=end, champion_end=begin, ended=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("counted", "clusters"), [({}, 1), ({"failures": 3, "failed:0:1": 2, "failed:1:9": 1}, 3)]
)
def test_failures_that_only_haproxy_saw_are_one_group_of_callers(
    counted: dict[str, int], clusters: int
) -> None:
    servers = {"a": Server(3, {"requests": 800, **counted}), "b": Server(2, {"requests": 4000})}
    view = View(stats={}, states={"a": {}, "b": {}}, silent={}, splits=[])
    (found,) = Counting(cast("dict[str, ModelServer]", servers)).counts([split(unserved=200)], view)
    assert found.canary.failures == 200 + counted.get("failures", 0)
    assert found.bursts is not None
    assert found.bursts.clusters == clusters
    verdict = judge([found], PLAN)
    assert verdict.harm is None, "they may all have come at one moment"
    assert found.bursts.unseen == 200
    assert verdict.missing[0].startswith("200 failures were seen by the proxy only: it lost the connection")
    assert (
        "so they count as one group of callers, and this is not certain: the canary fails more"
        in (verdict.missing[0])
    )
    assert verdict.pass_ is None


@pytest.mark.parametrize("choice", ["pause", "promote"])
def test_a_version_whose_failures_only_haproxy_saw_is_not_promoted_and_the_pause_says_why(
    choice: str,
) -> None:
    plan = replace(PLAN, on_inconclusive=choice, step_timeout_s=100, hold_s=0, gap_s=1000)
    servers = {"a": Server(3, {"requests": 800}), "b": Server(2, {"requests": 4000})}
    view = View(stats={}, states={"a": {}, "b": {}}, silent={}, splits=[])
    epochs = tuple(Counting(cast("dict[str, ModelServer]", servers)).counts([split(unserved=200)], view))
    state = at_step(plan)
    assert state.settled
    paused, _ = advance(state, look(20, "ok", *epochs), now=200.0)
    assert paused.phase is Phase.PAUSED
    assert "inconclusive after 200 s at 20 %: 1000 canary requests" in paused.reason
    assert "200 failures were seen by the proxy only" in paused.reason
    assert RolloutState.from_json(paused.to_json()) == paused
