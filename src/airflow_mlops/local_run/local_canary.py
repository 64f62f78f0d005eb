"""A rollout on one machine: the real driver, judge and model server, with replayed rows for callers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

from airflow_mlops.local_run.model_server import model_server
from airflow_mlops.local_run.paths import Place
from airflow_mlops.local_run.replay import Replay
from airflow_mlops.rollout.core import Phase, RolloutPlan, RolloutState
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.local import LocalTarget
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import fluent

HOLD_S: Final = 1.0
STEP_TIMEOUT_S: Final = 180.0
_POLL_S: Final = 0.3
_WHO: Final = "airflow-mlops run"


@dataclass(frozen=True)
class Rehearsal:
    """What a rollout on this machine needs.

    ``rows`` are raw rows as JSON objects, ``labels`` the truth of each; ``tell`` hears one line per change of
    the rollout, ``look`` (canary requests so far, those that the step needs) every look.
    """

    place: Place
    registry: Registry
    rows: Sequence[dict[str, Any]]
    labels: Sequence[Any]
    tell: Callable[[str], None]
    look: Callable[[int, int, str], None]


def hastened(plan: RolloutPlan) -> RolloutPlan:
    """Return the plan with its waiting times cut: traffic comes as fast as the server answers.

    What a step needs of requests and evidence stays as it is.
    """
    return replace(
        plan,
        hold_s=min(plan.hold_s, HOLD_S),
        shadow_s=min(plan.shadow_s, HOLD_S),
        step_timeout_s=min(plan.step_timeout_s, STEP_TIMEOUT_S),
    )


def rehearse(plan: RolloutPlan, by: Rehearsal) -> tuple[RolloutState, Counter[str]]:
    """Carry a rollout to its end, from wherever an earlier run left it; returns it and the traffic's counts.

    One that would wait for a person is rolled back: nobody serves when this process has ended. Raises
    BackendError when MLflow or the server does not answer.
    """
    store = RolloutStore(by.place.rollouts)
    # The server in this process asks MLflow's module-level functions, which one address holds for.
    with fluent(by.place.tracking_uri), ExitStack() as stack:
        folder = by.place.own / "server"
        address = stack.enter_context(model_server(plan.name, by.place.tracking_uri, folder))
        target = LocalTarget(address.base_url, address.token)
        driver = RolloutDriver(store, target, by.registry)
        labels = by.labels if any(guard.name == "quality" for guard in plan.guards) else None
        replay = Replay(address.base_url, address.token, by.rows, labels)
        stack.callback(replay.stop)
        # What an interrupted run left behind, and nobody goes on with, gives way.
        state = driver.start(plan, _WHO, on_newer="supersede")
        told = len(state.history)
        while not state.terminal:
            state = driver.poll(state.id)
            told = _tell(state, told, by)
            if state.phase in (Phase.SHADOW, Phase.STEP):
                replay.start()
            elif state.phase is Phase.PAUSED:
                driver.restore(state.id, state.reason, _WHO)
            if not state.terminal:
                time.sleep(_POLL_S)
    return state, replay.counts


def _tell(state: RolloutState, told: int, by: Rehearsal) -> int:
    for entry in state.history[told : len(state.history) - state.terminal]:  # the end is the task's own line
        by.tell(f"{entry.to:<18} {entry.reason}")
    if state.phase in (Phase.SHADOW, Phase.STEP):
        seen = sum(epoch.canary.requests for epoch in state.epochs if epoch.percent == state.percent)
        by.look(min(seen, state.plan.min_requests), state.plan.min_requests, state.label)
    return len(state.history)
