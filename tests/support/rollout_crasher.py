"""Rollouts in which something dies at a write: the driver, the model server, HAProxy.

    python -m tests.support.rollout_crasher '{"uri": …, "url": …, "admin_url": …, "folder": …, "plan": …}'

Drives two rollouts in processes forked from a warm one and prints the state of the world after each as a line
of JSON: one that nobody disturbed, and one in which every driver kills itself with SIGKILL at the first write
that none before it made, until one finds nothing left to do.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from airflow_mlops.core.errors import BackendError
from airflow_mlops.rollout.core import Phase, RolloutPlan, RolloutState
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.base import Target
from airflow_mlops.rollout.targets.haproxy.target import HaproxyTarget
from airflow_mlops.rollout.targets.local import LocalTarget
from airflow_mlops.training.registry import Registry
from tests.support.server import ADMIN_TOKEN, ROW, TOKEN

REQUESTS = 24
"""Between two looks; enough for a verdict on the plans of these tests."""

Write = tuple[str, str, str]
"""Where the rollout stood, the method, its arguments but for those that tell the time."""

_TOLD_BY = {"create_or_get": 0, "save": 0, "attach": 2, "remember": 0}

_STORE = ("create_or_get", "save")
_SERVER = ("put_version", "put_traffic", "drop_version", "renew")
_HAPROXY = ("set_weight", "mark_up", "remember", "forget")
_REGISTRY = ("set", "delete", "attach")


class Scene:
    """The real store, target and registry of one rollout; ``calls`` is how callers come in.

    ``late``: only what is written after the canary's first answers counts as a write.
    """

    def __init__(
        self,
        plan: RolloutPlan,
        store: Path,
        target: Target,
        registry: Registry,
        calls: httpx.Client,
        *,
        late: bool = False,
    ) -> None:
        self.plan = plan
        self.store = RolloutStore(store)
        self.target = target
        self.registry = registry
        self.calls = calls
        self.ticks = itertools.count(0, 60)
        self.counts = not late

    def before_each_write(self, act: Callable[[Write], None]) -> None:
        """Call ``act`` just before each write, the smallest there are."""

        def around(name: str, effect: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                if self.counts:
                    act((self.label, name, repr(args[: _TOLD_BY.get(name, 3)])))
                return effect(*args, **kwargs)

            return call

        for owner, names in self._writers():
            for name in names:
                setattr(owner, name, around(name, getattr(owner, name)))
        database = self.store._database
        database.write = self._before_commit(database.write, act)  # type: ignore[method-assign]

    def _before_commit(self, write: Callable[[], Any], act: Callable[[Write], None]) -> Callable[[], Any]:
        """Call ``act`` between what is written to the store and its commit, the store's name included."""

        @contextmanager
        def around() -> Iterator[Any]:
            label = self.label  # before the transaction locks the store
            with write() as connection:
                yield connection
                if self.counts:
                    act((label, "commit", ""))

        return around

    @property
    def label(self) -> str:
        """Where the rollout stands."""
        running = self.store.running(self.plan.name)
        return "" if running is None else f"{running.label} {running.settled} {running.moving}"

    def _writers(self) -> Iterator[tuple[Any, tuple[str, ...]]]:
        yield self.store, _STORE
        yield self.registry, _REGISTRY
        yield self.registry.client, ("set_model_version_tag",)
        if isinstance(self.target, HaproxyTarget):
            yield self.target._haproxy, _HAPROXY
            for server in self.target._servers.values():
                yield server, _SERVER
        elif isinstance(self.target, LocalTarget):
            yield self.target._server, _SERVER

    def driver(self) -> RolloutDriver:
        """Return a driver; a minute passes at each look."""
        return RolloutDriver(self.store, self.target, self.registry, clock=lambda: float(next(self.ticks)))

    def run(self) -> RolloutState:
        """Drive to the end, with callers between two looks."""
        driver = self.driver()
        state = driver.start(self.plan)
        for _ in range(40):
            state = driver.poll(state.id)
            if state.terminal:
                return state
            if state.phase is Phase.STEP:
                assert self.controllers() == {self.store.identity}, "whoever drives, it is this store"
            self.call(REQUESTS)
        raise AssertionError(f"the rollout is {state.label} after 40 looks: {state.reason}")

    def controllers(self) -> set[str]:
        """Return who moves the traffic, as the model servers know it."""
        assert isinstance(self.target, LocalTarget | HaproxyTarget)
        return {server.state()["control"].get("controller", "") for server in self.target._ordered()}

    def call(self, requests: int) -> list[str]:
        """Send requests; return the version that answered each."""
        self.counts, body = True, {"dataframe_records": [ROW]}
        answers = [self.calls.post("/invocations", json=body) for _ in range(requests)]
        return [answer.headers.get("x-model-version", "") for answer in answers]

    def run_while(self, kill: Callable[[], None], start: Callable[[], None]) -> tuple[RolloutState, int]:
        """Drive to the end while something is killed just before every write that was not made yet.

        It is started again when a driver found out. Returns the end, and how often it was killed.
        """
        met: set[Write] = set()

        def act(write: Write) -> None:
            if write not in met:
                met.add(write)
                kill()

        self.before_each_write(act)
        for _ in range(200):
            try:
                state = self.run()
            except (BackendError, httpx.TransportError):
                start()
            else:
                start()
                return state, len(met)
        raise AssertionError(f"200 drivers did not get beyond {self.label}")

    def report(self, state: RolloutState) -> dict[str, Any]:
        """What is left of it, outside of this process."""
        version, champion = self.plan.model_version, self.plan.champion_version
        seen = self.target.observe(version, champion, None)
        again = self.driver().start(replace(self.plan, min_requests=self.plan.min_requests + 1))
        stored = self.store.get(state.id)[0]
        return {
            "rejected": [stored.rejected, "was rejected" in again.reason, str(again.phase)],
            "tolerance": stored.plan.tolerance,
            "held by": sorted(self.controllers()),
            "outcome": str(state.phase),
            "labels": [entry["to"] for entry in self.store.history(state.id)],
            "aliases": {name: self.registry.get(name) for name in ("champion", "previous", "challenger")},
            "traffic": [seen.champion, seen.percent, seen.health.status],
            "answers": self.call(4),
            "tag": self.registry.version(version).tags["mlops.rollout.outcome"],
        }

    # A slot that has just started may take up the champion meanwhile; a driver looks again as well.
    @retry(retry=retry_if_exception_type(BackendError), stop=stop_after_attempt(5), wait=wait_fixed(1))
    def reset(self) -> None:
        """Make the champion of the plan champion again, beside a fresh challenger."""
        old = self.plan.champion_version
        assert old is not None
        self.target.ensure(old, str(self.plan.champion_uri))
        self.target.finalize(old)
        self.registry.set("champion", old)
        self.registry.set("challenger", self.plan.model_version)
        self.registry.delete("previous")

    def close(self) -> None:
        """Close the connections of callers and of the target."""
        self.calls.close()
        self.target.close()  # type: ignore[attr-defined]


def calls_to(url: str) -> httpx.Client:
    """Return a caller of the model at ``url``."""
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)


def forked(work: Callable[[], None]) -> int:
    """Do ``work`` in a process of its own; return how it ended, as of ``os.waitstatus_to_exitcode``."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except Exception:
            logging.exception("a rollout in a process of its own failed")
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(asked: Mapping[str, Any]) -> None:
    """Drive a rollout, and another one whose drivers are killed at each write."""
    plan = RolloutPlan.from_json(asked["plan"])
    # Made once, for all forks; no file and no connection is open in this process.
    target, registry = LocalTarget(asked["admin_url"], ADMIN_TOKEN), Registry(asked["uri"], plan.name)
    registry.versions()
    calls = calls_to(asked["url"])

    def scene(store: str) -> Scene:
        return Scene(plan, Path(asked["folder"]) / store, target, registry, calls)

    def undisturbed() -> None:
        found = scene("whole.db")
        found.reset()
        print_line(found.report(found.run()))

    def until_killed() -> None:
        known = Path(asked["folder"]) / "writes.txt"
        met = set(known.read_text().splitlines()) if known.exists() else set()

        def act(write: Write) -> None:
            if repr(write) not in met:
                known.write_text("\n".join([*met, repr(write)]))
                os.kill(os.getpid(), signal.SIGKILL)

        found = scene("killed.db")
        found.before_each_write(act)
        report = found.report(found.run())
        print_line({**report, "killed": len(met)})

    if not forked(undisturbed) and not forked(lambda: scene("reset.db").reset()):
        while forked(until_killed) == -signal.SIGKILL:
            pass


def print_line(document: Mapping[str, Any]) -> None:
    """Print a line of JSON at once: this process may die."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"  # A fork must not inherit an open database.
    main(json.loads(sys.argv[1]))
