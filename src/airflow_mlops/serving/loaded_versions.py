"""The versions in the memory of one worker, and how they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any, Final

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.document import Document, Wanted
from airflow_mlops.serving.error_text import text_of
from airflow_mlops.serving.model import Model
from airflow_mlops.serving.shared_memory import WorkerSlot
from airflow_mlops.serving.warm_up import warm_up

log = logging.getLogger(__name__)
LOADED: Final = "loaded and healthy"
NAMES: Final = "names"
"""The key of a worker's report that has the names of the models in its memory, by version."""
CLOSE_S: Final = 3.0
"""How long predictions may still take when the server ends; one that never returns must not keep it."""
Load = Callable[[int, Wanted], Model]


@dataclass
class LoadedVersion:
    """One version: what was ordered, how it is, and its batcher once it is ready."""

    wanted: Wanted
    place: int
    mark: Any
    status: str = "loading"
    detail: str = ""
    batcher: Batcher | None = None
    loading: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the model that was ordered can answer, or the same one from an earlier order."""
        digest = self.wanted.digest
        return self.batcher is not None and (not digest or digest in self.batcher.model.names)


class LoadedVersions:
    """Follows the orders of the shared state: loads, swaps and drops versions, and reports them in its slot.

    ``load`` blocks and returns a model, or raises BackendError or ConfigError.
    """

    def __init__(self, worker: WorkerSlot, load: Load) -> None:
        self._worker = worker
        self._load = load
        self._versions: dict[int, LoadedVersion] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self.ready: dict[int, Batcher] = {}

    def follow(self, document: Document) -> None:
        """Begin what the state asks for."""
        for version in [v for v in self._versions if v not in document.versions]:
            self._drop(self._versions.pop(version))
        for version, wanted in document.versions.items():
            slot = self._versions.get(version)
            if slot is None:
                place = self._free_place()
                slot = self._versions[version] = LoadedVersion(wanted, place, self._worker.busy_mark(place))
                # Callers wait for a champion, and one that ends the process would never come back.
                self._begin(version, slot, warm=version != document.traffic.champion)
            elif slot.wanted != wanted:
                slot.wanted = wanted
                self._begin(version, slot)
        self._report()

    async def loaded(self) -> None:
        """Wait until nothing is loading."""
        while tasks := [slot.loading for slot in self._versions.values() if slot.loading is not None]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Stop loading and let the batches finish, those of versions that were dropped before too."""
        for slot in self._versions.values():
            if slot.loading is not None:
                slot.loading.cancel()
        for batcher in self.ready.values():
            self._spawn(batcher.close())
        if self._background:
            _, late = await asyncio.wait(self._background, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def blocked(self, seconds: float) -> list[int]:
        """Return the versions none of whose predictions has returned for ``seconds``, with no thread left."""
        return [version for version, batcher in self.ready.items() if batcher.blocked(seconds)]

    def _begin(self, version: int, slot: LoadedVersion, *, warm: bool = True) -> None:
        if slot.loading is not None:
            slot.loading.cancel()
            slot.loading = None
        if slot.wanted.crashed:
            slot.status, slot.detail = "failed", slot.wanted.crashed
            self._release(slot)
            return
        slot.status, slot.detail = "loading", ""
        slot.loading = self._spawn(self._fill(version, slot, slot.wanted, warm=warm))

    async def _fill(self, version: int, slot: LoadedVersion, wanted: Wanted, *, warm: bool) -> None:
        started = monotonic()
        slot.mark[1], slot.mark[0] = 0, version
        try:
            model = await asyncio.to_thread(self._loaded, version, wanted)
        except asyncio.CancelledError:
            slot.mark[0] = 0
            raise
        except (BackendError, ConfigError) as error:
            slot.status = "unreachable" if isinstance(error, BackendError) else "failed"
            slot.detail = str(error)
            if slot.is_ready:
                slot.status, slot.detail = "ok", f"not loaded again, the one from before serves: {error}"
        else:
            batcher = Batcher(model, slot.mark)
            try:
                cold = await warm_up(batcher, model.samples) if warm and model.samples is not None else ""
            except asyncio.CancelledError:
                self._spawn(batcher.close())
                raise
            before, slot.batcher = slot.batcher, batcher
            slot.status, slot.detail = "ok", "; ".join(filter(None, (LOADED, cold)))
            if before is not None:
                self._spawn(before.close())
        slot.mark[0] = 0
        slot.loading = None
        self._report()
        took = monotonic() - started
        log.info("version %s: %s (%s) %.1f s", version, slot.status, slot.detail, took)

    def _loaded(self, version: int, wanted: Wanted) -> Model:
        try:
            return self._load(version, wanted)
        except (BackendError, ConfigError):
            raise
        except BaseException as error:  # a model's own code may raise anything, sys.exit among it
            text = f"version {version} cannot be loaded: {type(error).__name__}: {text_of(error)}"
            raise ConfigError(text) from error

    def _drop(self, slot: LoadedVersion) -> None:
        if slot.loading is not None:
            slot.loading.cancel()
        self._release(slot)

    def _release(self, slot: LoadedVersion) -> None:
        if slot.batcher is not None:
            self._spawn(slot.batcher.close())
            slot.batcher = None

    def _report(self) -> None:
        slots = self._versions.items()
        self.ready = {version: slot.batcher for version, slot in slots if slot.batcher is not None}
        report = {str(v): [s.wanted.order, s.status, s.detail, s.is_ready] for v, s in slots}
        names = {str(version): batcher.model.names for version, batcher in self.ready.items()}
        self._worker.versions.write({**report, NAMES: names})

    def _free_place(self) -> int:
        taken = {slot.place for slot in self._versions.values()}
        return next(place for place in count() if place not in taken)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task
