"""The versions of a server and the traffic between them, the same in all of its workers."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

from airflow_mlops.core.errors import BackendError, RolloutConflict
from airflow_mlops.serving.batching import THREADS, Batcher
from airflow_mlops.serving.copies import copy_of, forget
from airflow_mlops.serving.document import Wanted
from airflow_mlops.serving.fetching import Fetcher
from airflow_mlops.serving.loaded_versions import LOADED, NAMES, LoadedVersions
from airflow_mlops.serving.loading import load
from airflow_mlops.serving.model import Model
from airflow_mlops.serving.model_uri import check_uri, uri_of
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.shared_memory import WorkerSlot
from airflow_mlops.serving.state_view import POLL_S, StateView, now
from airflow_mlops.serving.traffic import Change, Traffic

log = logging.getLogger(__name__)
RETRY_S: Final = 10.0
BLOCKED: Final = 3
"""Time-outs after which a prediction is not expected to return any more."""
# Of several workers' reports on a version the one that comes first here counts.
_WORST: Final = ("failed", "unreachable", "loading", "ok")


class Fleet:
    """Loads, unloads and weighs versions. A change is on disk and in all workers when its call returns."""

    def __init__(self, settings: Settings, view: StateView) -> None:
        self._settings = settings
        self._view = view
        self._folder: Path = settings.state_dir / "models"
        self._loaded = LoadedVersions(view.slot, self._load)
        # A server inside a test or a program has no workers, and asks by itself.
        self._fetcher = Fetcher(settings.tracking_uri, apart=view.memory.fd is not None)
        self._adopting: asyncio.Task[None] | None = None

    @property
    def traffic(self) -> Traffic:
        """The split in force now; a lease that ran out takes effect here."""
        return self._view.lapsed(self._view.document.traffic)

    @property
    def ready(self) -> dict[int, Batcher]:
        """The versions that can answer in this worker."""
        return self._loaded.ready

    @property
    def answers(self) -> bool:
        """Whether this worker answers a request: a version that gets traffic is ready."""
        return self.traffic.route(self.ready, 1.0) is not None

    @property
    def looking(self) -> bool:
        """Whether the champion is still being looked up in MLflow."""
        return self._adopting is not None and not self._adopting.done()

    @property
    def versions(self) -> list[int]:
        """All versions wanted."""
        return sorted(self._view.document.versions)

    async def open(self) -> None:
        """Take up the state of the last run, or serve the champion alias at the very first start."""
        self.follow()
        if self._view.index == 0 and self.traffic.generation == 0:
            self._adopting = asyncio.create_task(self._adopt_champion())

    async def close(self) -> None:
        """Stop loading and let the batches finish."""
        self._fetcher.close()
        if self._adopting is not None:
            self._adopting.cancel()
            await asyncio.gather(self._adopting, return_exceptions=True)
        try:
            await self.save()
        finally:
            await self._loaded.close()

    async def loaded(self) -> None:
        """Wait until this worker has loaded what can be loaded."""
        await self._loaded.loaded()

    def follow(self) -> None:
        """Load and drop versions as the state asks."""
        self._loaded.follow(self._view.document)

    async def save(self) -> None:
        """Store a split that changed by itself, or that could not be stored before."""
        traffic = self._view.document.traffic
        if traffic.expired(now().steady):
            async with self._view.changing() as document:
                if document.traffic.epoch != traffic.epoch:
                    log.warning("lease ran out: canary traffic of %s set to 0", dict(traffic.weights))
                    await self._view.withdraw(document)
        await self._view.save()

    async def take_out_blocked(self) -> bool:
        """Take the traffic from canaries whose predictions never return; True if the champion's do not.

        A canary is ``failed`` then, as if its code had ended the process, and is not run any more.
        """
        champion = False
        for version in self._loaded.blocked(BLOCKED * self._settings.timeout_s):
            if version == self.traffic.champion:
                champion = True
                continue
            reason = f"none of its last predictions has returned: {THREADS} threads are blocked"
            async with self._view.changing() as document:
                await self._view.withdraw(document.quarantine_version(version, reason, now().wall))
            log.error("version %s has no traffic any more: %s", version, reason)
            self.follow()
        return champion

    async def put(
        self, version: int, uri: str, *, reload: bool = False, digest: str = "", controller: str = ""
    ) -> dict[str, str]:
        """Load a version in all workers; returns how it is, which may still be loading.

        A version that failed to load stays failed until it is dropped; ``reload`` loads it again from the
        registry while the one in memory keeps serving, and so does a ``digest`` that names another model than
        that one. Raises RolloutConflict when the version is there
        from another URI, TrafficHeld when another controller than ``controller`` moves the traffic,
        BackendError when MLflow does not answer.
        """
        async with self._view.changing() as document:
            self._check(document.traffic, controller)
            known = document.versions.get(version)
            if known is not None and known.uri != uri:
                raise RolloutConflict(f"version {version} is loaded from {known.uri}: delete it first")
            another = bool(digest and known and digest not in (known.digest, *self._names(version)))
            if known is None or reload or another or self.status(version)[0] == "unreachable":
                await self._view.write(document.want(version, uri, reload=reload, digest=digest))
        self.follow()
        deadline = now().steady + self._settings.load_wait_s
        while self.status(version)[0] == "loading" and now().steady < deadline:
            await asyncio.sleep(POLL_S / 2)
        described = self.describe(version, digest)
        if described["status"] == "unreachable":
            raise BackendError(described["detail"])
        if (reload or another) and described["detail"].startswith(LOADED):
            keep = self._copy_of(version, self._view.document.versions[version])
            await asyncio.to_thread(forget, version, self._folder, keep)
        return described

    async def drop(self, version: int, controller: str = "") -> None:
        """Unload a version.

        Raises RolloutConflict while it has traffic, TrafficHeld when another controller's canary is in force.
        """
        async with self._view.changing() as document:
            traffic = document.traffic
            self._check(traffic, controller)
            if version in (traffic.champion, traffic.shadow) or traffic.weights.get(version):
                raise RolloutConflict(f"version {version} has traffic: move the traffic first")
            await self._view.write(document.without(version))
        self.follow()
        await asyncio.to_thread(forget, version, self._folder)

    async def set_traffic(self, change: Change) -> Traffic:
        """Put a split in force.

        One that only takes traffic from canaries acts at once, even if it cannot be stored. Raises
        RolloutConflict for an old order, a version that is not ready or a champion that nobody had loaded,
        TrafficHeld when another controller's canary is in force. The split that is in force already may be
        ordered again whatever is ready: that renews its lease. A champion that fails to load is accepted:
        a roll back must be able to end.
        """
        async with self._view.changing() as document:
            if not change.takeover:
                self._check(document.traffic, change.controller)
            following = document.traffic.apply(change, now())
            wanted = [v for v, percent in change.weights.items() if percent or v == change.shadow]
            if wanted and change.champion is not None and sum(change.weights.values()) < 100:
                wanted.append(change.champion)
            missing = [version for version in wanted if not self._ready_everywhere(version)]
            another = following.epoch != document.traffic.epoch
            if another and change.champion is not None and change.champion not in document.versions:
                raise RolloutConflict(
                    f"version {change.champion} cannot be champion: it is not loaded, and no traffic was "
                    f"moved. Load it first: PUT /admin/versions/{change.champion} with its model_uri"
                )
            if missing and another:
                states = ", ".join(f"{v}: {self.status(v)[0]}" for v in missing)
                raise RolloutConflict(f"cannot send traffic to a version that is not ready ({states})")
            if following.only_takes(document.traffic):
                await self._view.withdraw(document.with_traffic(following))
            else:
                await self._view.write(document.with_traffic(following))
            if following.pair != document.traffic.pair:
                self._view.memory.forget_keys()
            return following

    async def renew(self, lease_s: float | None, controller: str = "") -> Traffic:
        """Renew the lease of the split in force; raises TrafficHeld when it is another controller's."""
        async with self._view.changing() as document:
            self._check(document.traffic, controller)
            following = document.traffic.renew(lease_s, now()).ordered_again(controller, now())
            await self._view.write(replace(document, traffic=following))
            return following

    def _check(self, traffic: Traffic, controller: str) -> None:
        traffic.control.check(controller, self._settings.name, now().steady)

    def describe(self, version: int, digest: str = "") -> dict[str, str]:
        """Return a version as plain JSON values: where it comes from, how it is, which model is in memory.

        A model has several names; ``digest`` is the one to answer with if it is one of them.
        """
        status, detail = self.status(version)
        wanted = self._view.document.versions[version]
        names, expected = self._names(version), digest or wanted.digest
        held = expected if expected in names else next(iter(names), "")
        return {"model_uri": wanted.uri, "status": status, "detail": detail, "digest": held}

    def status(self, version: int) -> tuple[str, str]:
        """Return how a version is in all workers together, and a detail."""
        wanted = self._view.document.versions.get(version)
        if wanted is None:
            return "absent", ""
        if wanted.crashed:
            return "failed", wanted.crashed
        reports = [self._report(worker, version, wanted) for worker in self._view.peers]
        worst = min(reports, key=lambda report: _WORST.index(report[0]))
        return worst[0], worst[1]

    def _ready_everywhere(self, version: int) -> bool:
        wanted = self._view.document.versions.get(version)
        if wanted is None or wanted.crashed:
            return False
        return all(self._report(worker, version, wanted)[2] for worker in self._view.peers)

    @staticmethod
    def _report(worker: WorkerSlot, version: int, wanted: Wanted) -> tuple[str, str, bool]:
        reports = worker.versions.latest() or {}
        order, status, detail, ready = reports.get(str(version), (0, "loading", "", False))
        return (status, detail, ready) if order == wanted.order else ("loading", "", ready)

    def _names(self, version: int) -> list[str]:
        """Return what names the model that all workers have in memory as ``version``."""
        reports = [(worker.versions.latest() or {}).get(NAMES, {}) for worker in self._view.peers]
        found = [report.get(str(version), []) for report in reports]
        return [name for name in found[0] if all(name in other for other in found)]

    def _load(self, version: int, wanted: Wanted) -> Model:
        check_uri(self._settings.name, version, wanted.uri)  # the state on disk may name anything
        strict, copy = self._settings.only_safe_formats, _copy(wanted)
        return load(
            version, wanted.uri, self._folder, self._fetcher, copy, digest=wanted.digest, only_safe=strict
        )

    def _copy_of(self, version: int, wanted: Wanted) -> Path:
        return copy_of(self._folder, version, wanted.uri, _copy(wanted), wanted.digest)

    async def _adopt_champion(self) -> None:
        name = self._settings.name
        while True:
            try:
                version = await asyncio.to_thread(self._fetcher.version_of, name, "champion")
                if version is not None and self.traffic.generation == 0:
                    await self.put(version, uri_of(name, version))
                    change = Change(champion=version, weights={}, generation=1, lease_s=None)
                    if self.traffic.generation == 0:
                        await self.set_traffic(change)
                return
            except BackendError as error:
                log.warning("%s; next try in %s s", error, RETRY_S)
                await asyncio.sleep(RETRY_S)
            except RolloutConflict as error:
                log.warning("champion not adopted: %s", error)
                return


def _copy(wanted: Wanted) -> str:
    return str(wanted.copy) if wanted.copy else ""
