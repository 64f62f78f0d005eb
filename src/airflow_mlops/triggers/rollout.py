"""Watches a rollout from the triggerer and moves its traffic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_mlops.core.errors import BackendError, MlopsError
from airflow_mlops.hooks.rollouts import airflow_rollouts

if TYPE_CHECKING:
    from airflow_mlops.rollout.core import RolloutState
    from airflow_mlops.rollout.driver import RolloutDriver

PATIENCE = 30


class TurnTrigger(BaseTrigger):
    """Waits until no rollout of a model runs.

    :param name: the model.
    :param store: place of the rollout store, a file or a URL without a secret.
    :param poll_seconds: polling interval in seconds.
    """

    def __init__(self, *, name: str, store: str, poll_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.name = name
        self.store = store
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's path and arguments."""
        arguments = {"name": self.name, "store": self.store, "poll_seconds": self.poll_seconds}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event when the model is free: empty, or an error and whether another try may help."""
        started = time.monotonic()
        event: dict[str, Any] = {}
        try:
            await self._wait()
        except MlopsError as error:
            event = {"error": str(error), "retryable": error.retryable}
        await _wait_for_first_leg(started)
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _wait(self) -> None:
        failures = 0
        while True:
            try:
                running = await asyncio.to_thread(self._running)
                failures = 0
            except BackendError as error:
                failures += 1
                self.log.warning("poll %d of the rollouts failed: %s", failures, error)
                if failures >= PATIENCE:
                    raise
            else:
                if running is None:
                    return
                self.log.info("waiting for rollout %s, which is %s", running.id, running.label)
            await asyncio.sleep(self.poll_seconds)

    def _running(self) -> RolloutState | None:
        return airflow_rollouts(self.store).store().running(self.name)


class RolloutTrigger(BaseTrigger):
    """Polls a rollout until only the registry is left to move, or it has ended.

    :param rollout_id: the rollout in the store.
    :param store: place of the rollout store, a file or a URL without a secret.
    :param target: kind of the serving target.
    :param conn_id: Airflow connection of the server.
    :param poll_seconds: polling interval in seconds.
    :param patience: polls in a row that may fail before the task gets the error.
    """

    def __init__(
        self,
        *,
        rollout_id: str,
        store: str,
        target: str,
        conn_id: str,
        poll_seconds: float,
        patience: int = PATIENCE,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rollout_id = rollout_id
        self.store = store
        self.target = target
        self.conn_id = conn_id
        self.poll_seconds = poll_seconds
        self.patience = patience

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's path and arguments."""
        arguments = {
            "rollout_id": self.rollout_id,
            "store": self.store,
            "target": self.target,
            "conn_id": self.conn_id,
            "poll_seconds": self.poll_seconds,
            "patience": self.patience,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the rollout's id, or an error and whether another try may help."""
        started = time.monotonic()
        try:
            event = await self._watch()
        except MlopsError as error:
            event = {"rollout_id": self.rollout_id, "error": str(error), "retryable": error.retryable}
        await _wait_for_first_leg(started)
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _watch(self) -> dict[str, Any]:
        driver: RolloutDriver | None = None
        failures = 0
        while True:
            try:
                if driver is None:
                    driver = await asyncio.to_thread(self._driver)
                state = await asyncio.to_thread(driver.poll, self.rollout_id)
                failures = 0
            except BackendError as error:
                failures += 1
                self.log.warning("poll %d failed: %s", failures, error)
                if failures >= self.patience:
                    raise
            else:
                if state.terminal or state.needs_registry:
                    return {"rollout_id": self.rollout_id, "phase": str(state.phase)}
            await asyncio.sleep(self.poll_seconds)

    def _driver(self) -> RolloutDriver:
        from airflow_mlops.rollout.driver import RolloutDriver

        rollouts = airflow_rollouts(self.store)
        return RolloutDriver(rollouts.store(), rollouts.target(self.target, self.conn_id))


async def _wait_for_first_leg(started: float) -> None:
    # An executor reports the end of the task's first leg up to a heartbeat late. A second leg that
    # runs by then is taken for a task that was killed, and tried again.
    least = conf.getint("workers", "min_heartbeat_interval") + 2
    await asyncio.sleep(max(0.0, started + least - time.monotonic()))
