"""Rollouts on one machine: the real driver, judge and model server, with replayed rows for callers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from airflow_mlops.core.progress import Progress
from airflow_mlops.local_run.model_server import Address, model_server
from airflow_mlops.local_run.paths import RunPaths
from airflow_mlops.local_run.replay import Replay
from airflow_mlops.rollout.core import Phase, RolloutPlan, RolloutState
from airflow_mlops.rollout.core.tolerance import MOST

if TYPE_CHECKING:
    from airflow_mlops.rollout.store.store import RolloutStore
    from airflow_mlops.rollout.targets.base import Target

HOLD_S: Final = 1.0
STEP_TIMEOUT_S: Final = 180.0
_POLL_S: Final = 0.3
_USER: Final = "airflow-mlops run"

Callers = Callable[[], tuple[Sequence[dict[str, Any]], Sequence[Any]]]
"""Gives raw rows as JSON objects, and the label of each."""


@dataclass
class LocalRollouts:
    """The rollouts of one run; a context manager that ends its model server and its traffic.

    ``callers`` gives the rows that are sent as traffic, and ``knows_callers`` says whether the version has
    learned them; ``note`` gets one line per change of the rollout.
    """

    paths: RunPaths
    callers: Callers
    note: Callable[[str], None]
    knows_callers: Callable[[], bool] = lambda: False
    _stack: ExitStack = field(default_factory=ExitStack)
    _server: Address | None = None
    _replay: Replay | None = None

    def __enter__(self) -> LocalRollouts:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._server = None

    def store(self) -> RolloutStore:
        """Return the store of the rollouts that ran here."""
        from airflow_mlops.rollout.store.store import RolloutStore

        return RolloutStore(self.paths.rollouts)

    def target(self, kind: str, conn_id: str) -> Target:  # noqa: ARG002 - one server stands for every target
        """Return the model server of this run, started at first use."""
        from airflow_mlops.rollout.targets.local import LocalTarget
        from airflow_mlops.training.tracking import fluent

        if self._server is None:
            # The server in this process asks MLflow's module-level functions, which have one address.
            self._stack.enter_context(fluent(self.paths.tracking_uri))
            server = model_server(self.paths.name, self.paths.tracking_uri, self.paths.own / "server")
            self._server = self._stack.enter_context(server)
        return LocalTarget(base_url=self._server.admin_url, token=self._server.admin_token)

    def adapted(self, plan: RolloutPlan) -> RolloutPlan:
        """Return the plan with short waits."""
        return with_short_waits(plan)

    def traffic_summary(self) -> str:
        """Return how many requests were sent, for the line of the task."""
        counts = self._replay.counts if self._replay else {}
        requests = counts.get("requests", 0)
        return f" ({requests:,} requests, {counts.get('failed', 0)} failed)" if requests else ""

    def drive(self, rollout_id: str, progress: Progress) -> None:
        """Poll a rollout until only its registry is left to move, or it has ended.

        One that would wait for a person is rolled back: nobody serves when this process has ended. Raises
        BackendError when MLflow or the server does not answer.
        """
        from airflow_mlops.rollout.driver import RolloutDriver

        driver = RolloutDriver(self.store(), self.target("local", ""))
        state, _ = self.store().get(rollout_id)
        if state.plan.champion_version is not None:
            learned = ", which the new version has learned," if self.knows_callers() else ""
            self.note(f"canary on a model server of this run; hold-out rows{learned} call it, hold is 1 s")
        seen = len(state.history)
        while not (state.terminal or state.needs_registry):
            state = driver.poll(rollout_id)
            seen = self._report(state, seen, progress)
            if state.phase in (Phase.SHADOW, Phase.STEP):
                self._send_traffic(state)
            elif state.phase is Phase.PAUSED:
                driver.restore(rollout_id, state.reason, _USER)
            if not state.terminal:
                time.sleep(_POLL_S)

    def _send_traffic(self, state: RolloutState) -> None:
        if self._replay is None and self._server is not None:
            rows, labels = self.callers()
            judged = any(guard.name == "quality" for guard in state.plan.guards)
            server = self._server
            self._replay = Replay(server.base_url, server.token, rows, labels if judged else None)
            self._stack.callback(self._replay.stop)
            self._replay.start()

    def _report(self, state: RolloutState, seen: int, progress: Progress) -> int:
        for entry in state.history[seen:]:
            if not state.terminal:  # the end is the task's own line
                self.note(f"{entry.to:<18} {entry.reason}")
        if state.phase in (Phase.SHADOW, Phase.STEP):
            needed = state.plan.min_requests
            progress(min(state.step_requests, needed), needed, state.label)
        return len(state.history)


def with_short_waits(plan: RolloutPlan) -> RolloutPlan:
    """Return the plan with its waiting times cut: traffic comes as fast as the server answers.

    The requests and the evidence that a step needs stay as they are. Labels follow their answers at once. The
    champion of a server that has just started was never measured: a tolerance that the file leaves to that
    is 2 %.
    """
    guards = tuple(replace(g, label_delay_s=None) if g.name == "quality" else g for g in plan.guards)
    return replace(
        plan,
        tolerance=MOST if plan.tolerance is None else plan.tolerance,
        guards=guards,
        hold_s=min(plan.hold_s, HOLD_S),
        shadow_s=min(plan.shadow_s, HOLD_S),
        step_timeout_s=min(plan.step_timeout_s, STEP_TIMEOUT_S),
        settle_s=min(plan.settle_s, HOLD_S),
    )
