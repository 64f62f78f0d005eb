"""Rollouts driven on a real target with real traffic, or on one in memory that can crash at any effect."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core import (
    Counts,
    EpochCounts,
    GuardPlan,
    Health,
    Observation,
    Phase,
    RolloutPlan,
    RolloutState,
)
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.base import Target
from airflow_mlops.rollout.targets.local import LocalTarget
from tests.support.server import ADMIN_TOKEN, NAME, Client, Registry, running_server

GUARDED_PLAN = RolloutPlan(
    name="churn", model_version=2, model_uri="models:/churn/2", champion_version=1, steps=(10, 50),
    hold_s=60, step_timeout_s=3600, min_requests=100, tolerance=0.02,
    guards=(
        GuardPlan(name="latency_p95", max_ratio=2, tolerance=0.1),
        GuardPlan(name="quality", max_ratio=1.5),
        GuardPlan(name="prediction_shift", max_ratio=1.5, action="pause"),
    ),
)  # fmt: skip

PIPELINE = f"""
name: {NAME}
data: {{source: {{type: csv, filepath: rows.csv}}, target: y}}
train: {{estimator: sklearn.linear_model.LogisticRegression}}
evaluate: {{metrics: [roc_auc]}}
deploy: {{conn_id: shop_server, canary: {{poll: 1s}}}}
"""
"""A pipeline whose server is the connection ``shop_server``."""


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


@contextmanager
def champion_server(registry: Registry, folder: Path) -> Iterator[Client]:
    """Serve with all traffic on version 1, the champion; at the end the registry has no alias."""
    registry.set("champion", 1)
    with running_server(registry, folder) as server:
        server.must_load(1, registry.model_uri("champion"))
        assert server.traffic(1).status_code == 200
        yield server
    for alias in ("champion", "previous", "challenger"):
        registry.delete(alias)


def controller(
    server: Client, registry: Any, store: Path, clock: Callable[[], float] = time.time
) -> RolloutDriver:
    """Return a driver of rollouts on a server, with a store in the file ``store``."""
    target = LocalTarget(server.admin_url, ADMIN_TOKEN)
    return RolloutDriver(RolloutStore(store), target, registry, clock=clock)


@contextmanager
def promoted_rollout(registry: Registry, client: Client, target: Target, folder: Path) -> Iterator[Rollout]:
    """A rollout whose target serves the champion; a good challenger waits."""
    rollout = Rollout(registry, client, target, folder)
    first = rollout.driver.start(plan_for(registry, "champion", None))
    assert rollout.driver.poll(first.id).phase is Phase.PROMOTED
    registry.set("challenger", registry.kinds["good"])
    yield rollout
    for alias in ("champion", "previous", "challenger"):
        registry.delete(alias)


class Crash(BaseException):
    """The process died here."""


class Fuse:
    """Lets ``left`` effects pass, then crashes; each effect has a point before and one after it."""

    def __init__(self, left: int | None = None) -> None:
        self.left = left

    def __call__(self) -> None:
        if self.left is not None:
            if self.left == 0:
                self.left = None
                raise Crash
            self.left -= 1

    def around(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self()
            answer = effect(*args, **kwargs)
            self()
            return answer

        return call


class MemoryTarget:
    """Keeps weights and gives each observation of a split some traffic with given failures per 100."""

    def __init__(self, champion: int | None, failures: int = 0, fuse: Fuse | None = None) -> None:
        self.champion = champion
        self.weights: dict[int, int] = {}
        self.versions: dict[int, Health] = {}
        self.broken: set[int] = set()
        self.failures = failures
        self.epoch = 1
        self.epochs: dict[int, tuple[int | None, int, int, Counts, Counts]] = {}
        self.shadowing: int | None = None
        self.copied: dict[int, Counts] = {}
        self.fuse = fuse or Fuse()

    def ensure(self, version: int, model_uri: str, digest: str = "") -> Health:
        self.fuse()
        health = Health("failed", "no such file") if version in self.broken else Health("ok")
        return self.versions.setdefault(version, health)

    def set_weight(self, version: int, champion: int | None, percent: int) -> None:
        self.fuse()
        self._split(version, champion, percent, None)
        self.fuse()

    def shadow(self, version: int, champion: int) -> None:
        self.fuse()
        self._split(version, champion, 0, version)
        self.fuse()

    def _split(self, version: int, champion: int | None, percent: int, shadow: int | None) -> None:
        asked = (champion, {version: percent}, shadow)
        if (self.champion, self.weights, self.shadowing) != asked:
            self.champion, self.weights, self.shadowing = asked
            self.epoch += 1

    def observe(self, version: int, champion: int | None, since: int | None) -> Observation:
        if self.weights.get(version) or self.shadowing == version:
            *_, canary, rest = self.epochs.get(self.epoch, (0, 0, 0, Counts(), Counts()))
            counted = (canary + Counts(200, 2 * self.failures), rest + Counts(200, 0))
            if self.shadowing:
                self.copied[self.epoch] = Counts()
            self.epochs[self.epoch] = (self.champion, version, self.weights[version], *counted)
        epochs = tuple(
            EpochCounts(key, percent, canary, rest, self.copied.get(key))
            for key, (served, routed, percent, canary, rest) in self.epochs.items()
            if since is not None and key > since and (served, routed) == (champion, version)
        )
        return Observation(
            health=self.versions.get(version, Health("absent")),
            percent=self.current_weight(version),
            champion=self.champion,
            epoch=self.epoch,
            epochs=epochs,
            shadow=self.shadowing,
        )

    def current_weight(self, version: int) -> int:
        if version == self.champion:
            return 100 - sum(self.weights.values())
        return self.weights.get(version, 0)

    def finalize(self, champion: int | None) -> None:
        self.fuse()
        self.champion, self.weights, self.shadowing = champion, {}, None
        self.versions = {v: h for v, h in self.versions.items() if v == champion}
        self.epoch += 1
        self.fuse()


class MemoryAliases:
    """Aliases, tags and artifacts of one registered model."""

    def __init__(self, fuse: Fuse | None = None, **aliases: int) -> None:
        self.aliases: dict[str, int] = dict(aliases)
        self.tags: dict[int, dict[str, str]] = {}
        self.artifacts: dict[tuple[int, str], Any] = {}
        self.fuse = fuse or Fuse()
        self.gone: set[int] = set()
        self.forbidden = False
        self.digests: dict[int, str] = {}

    def _known(self, version: int) -> None:
        if version in self.gone:
            raise ConfigError(f"version {version} is not in MLflow")
        if self.forbidden:
            raise ConfigError("MLflow refuses: no permission")

    def check(self, version: int) -> None:
        self._known(version)

    def digest(self, version: int) -> str:
        return self.digests.get(version, "")

    def get(self, alias: str) -> int | None:
        return self.aliases.get(alias)

    def set(self, alias: str, version: int) -> None:
        self._known(version)
        self.fuse()
        self.aliases[alias] = version
        self.fuse()

    def delete(self, alias: str) -> None:
        self.fuse()
        self.aliases.pop(alias, None)
        self.fuse()

    def tag(self, version: int, tags: Mapping[str, str]) -> None:
        self._known(version)
        self.fuse()
        self.tags.setdefault(version, {}).update(tags)
        self.fuse()

    def attach(self, version: int, filename: str, payload: Mapping[str, Any]) -> None:
        self._known(version)
        self.fuse()
        self.artifacts[version, filename] = payload
        self.fuse()
