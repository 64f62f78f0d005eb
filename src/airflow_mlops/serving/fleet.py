"""The versions in memory and the traffic between them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict
from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.database import Database, Epoch
from airflow_mlops.serving.loading import alias_version, forget, load
from airflow_mlops.serving.model import Model
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.traffic import Change, Traffic

log = logging.getLogger(__name__)
RETRY_S: Final = 10.0


@dataclass
class Slot:
    """One version: how it is, and its batcher once it is ready."""

    uri: str
    status: str = "loading"
    detail: str = ""
    batcher: Batcher | None = None
    loading: asyncio.Task[None] | None = None

    def describe(self) -> dict[str, str]:
        """Return the slot as plain JSON values."""
        return {"model_uri": self.uri, "status": self.status, "detail": self.detail}


class Fleet:
    """Loads, unloads and weighs versions. Every change is on disk before it is in force."""

    def __init__(
        self, settings: Settings, database: Database, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._folder = settings.state_dir / "models"
        self._change = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()
        self.slots: dict[int, Slot] = {}
        self._traffic = Traffic()
        self._unsaved = False

    @property
    def traffic(self) -> Traffic:
        """The split in force now; a lease that ran out takes effect here."""
        now = self._clock()
        if self._traffic.expired(now):
            log.warning("lease ran out: canary traffic of %s set to 0", dict(self._traffic.weights))
            self._traffic = self._traffic.lapse(now)
            self._unsaved = True
        return self._traffic

    @property
    def ready(self) -> dict[int, Batcher]:
        """The versions that can answer."""
        return {version: slot.batcher for version, slot in self.slots.items() if slot.batcher is not None}

    async def open(self) -> None:
        """Take up the state of the last run, or serve the champion alias at the very first start."""
        state = await asyncio.to_thread(self._database.read_state)
        if "traffic" in state:
            self._traffic = Traffic.from_json(state["traffic"])
            for version, uri in state["versions"].items():
                self._begin(int(version), uri)
        else:
            self._spawn(self._adopt_champion())

    async def close(self) -> None:
        """Stop loading and let the batches finish."""
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.save()
        await asyncio.gather(*(batcher.close() for batcher in self.ready.values()))

    async def save(self) -> None:
        """Write a split that changed by itself."""
        if self._unsaved:
            async with self._change:
                written = self._traffic
                await self._write(written)
                self._unsaved = self._traffic is not written

    async def put(self, version: int, uri: str) -> Slot:
        """Have a version loaded; returns its slot, which may still be loading after a while.

        A version that failed to load stays failed until it is dropped. Raises RolloutConflict when the
        version is there from another URI, BackendError when MLflow does not answer.
        """
        async with self._change:
            slot = self.slots.get(version)
            if slot is not None and slot.uri != uri:
                raise RolloutConflict(f"version {version} is loaded from {slot.uri}: drop it first")
            if slot is None or slot.status == "unreachable":
                slot = self._begin(version, uri)
                await self._write(self._traffic)
        if slot.loading is not None:
            await asyncio.wait({slot.loading}, timeout=self._settings.load_wait_s)
        if slot.status == "unreachable":
            raise BackendError(slot.detail)
        return slot

    async def drop(self, version: int) -> None:
        """Unload a version; raises RolloutConflict while it has traffic."""
        async with self._change:
            if version == self.traffic.champion or self.traffic.weights.get(version):
                raise RolloutConflict(f"version {version} has traffic: move the traffic first")
            slot = self.slots.pop(version, None)
            await self._write(self._traffic)
        if slot is not None:
            if slot.loading is not None:
                slot.loading.cancel()
            if slot.batcher is not None:
                await slot.batcher.close()
            await asyncio.to_thread(forget, version, self._folder)

    async def set_traffic(self, change: Change) -> Traffic:
        """Put a split in force; raises RolloutConflict for an old one or for a version that is not ready."""
        async with self._change:
            following = self.traffic.apply(change, self._clock())
            wanted = [v for v, percent in change.weights.items() if percent or v == change.shadow]
            if wanted and change.champion is not None and sum(change.weights.values()) < 100:
                wanted.append(change.champion)
            missing = [version for version in wanted if version not in self.ready]
            if missing:
                states = ", ".join(f"{v}: {self._status(v)}" for v in missing)
                raise RolloutConflict(f"cannot send traffic to a version that is not ready ({states})")
            await self._write(following)
            self._traffic = following
            return following

    async def renew(self, lease_s: float | None) -> Traffic:
        """Renew the lease of the split in force."""
        async with self._change:
            following = self.traffic.renew(lease_s, self._clock())
            await self._write(following)
            self._traffic = following
            return following

    def _status(self, version: int) -> str:
        return self.slots[version].status if version in self.slots else "absent"

    def _begin(self, version: int, uri: str) -> Slot:
        slot = self.slots[version] = Slot(uri)
        slot.loading = self._spawn(self._load(version, slot))
        return slot

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _load(self, version: int, slot: Slot) -> None:
        started = self._clock()
        try:
            model: Model = await asyncio.to_thread(
                load, version, slot.uri, self._folder, self._settings.tracking_uri
            )
        except BackendError as error:
            slot.status, slot.detail = "unreachable", str(error)
        except ConfigError as error:
            slot.status, slot.detail = "failed", str(error)
        else:
            slot.batcher = Batcher(model)
            slot.status, slot.detail = "ok", "loaded and healthy"
        log.info("version %s: %s (%s) %.1f s", version, slot.status, slot.detail, self._clock() - started)

    async def _adopt_champion(self) -> None:
        settings = self._settings
        while True:
            try:
                version = await asyncio.to_thread(
                    alias_version, settings.name, "champion", settings.tracking_uri
                )
                if version is not None and self._traffic.generation == 0:
                    await self.put(version, f"models:/{settings.name}/{version}")
                    change = Change(champion=version, weights={}, generation=1, lease_s=None)
                    if self._traffic.generation == 0:
                        await self.set_traffic(change)
                return
            except BackendError as error:
                log.warning("%s; next try in %s s", error, RETRY_S)
                await asyncio.sleep(RETRY_S)
            except RolloutConflict as error:
                log.warning("champion not adopted: %s", error)
                return

    async def _write(self, traffic: Traffic) -> None:
        versions: Mapping[str, str] = {str(v): slot.uri for v, slot in self.slots.items()}
        epoch = Epoch(traffic.epoch, self._clock(), traffic.champion, traffic.weights, traffic.shadow)
        state = {"traffic": traffic.to_json(), "versions": versions}
        await asyncio.to_thread(self._database.write_state, state, epoch)
