"""A real driver on a real target with real traffic, for tests of deployment targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

from airflow_mlops.rollout.core import RolloutPlan, RolloutState
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.base import Target
from tests.support.server import NAME, Client, Registry


class Rollout:
    """A real driver on a real server with real traffic between two polls; an hour passes per poll."""

    def __init__(self, registry: Registry, client: Client, target: Target, folder: Path) -> None:
        ticks = count(0, 60)
        store = RolloutStore(folder / "rollouts.db")
        self.driver = RolloutDriver(store, target, registry, clock=lambda: float(next(ticks)))
        self.client = client
        self.answers: Counter[int] = Counter()

    def run(self, plan: RolloutPlan, each_poll: Callable[[int], object] = lambda _: None) -> RolloutState:
        state = self.driver.start(plan)
        for number in range(60):
            state = self.driver.poll(state.id)
            if state.terminal:
                break
            self.answers.update(self.client.predict().status_code for _ in range(60))
            each_poll(number)
        return state


def plan_for(registry: Registry, kind: str, champion: int | None) -> RolloutPlan:
    return RolloutPlan(
        name=NAME, model_version=registry.kinds[kind], model_uri=registry.model_uri(kind),
        champion_version=champion, steps=(20, 50), hold_s=60, step_timeout_s=100_000, min_requests=30,
        tolerance=0.1,
    )  # fmt: skip
