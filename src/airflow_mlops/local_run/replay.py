"""Traffic for a canary on one machine: rows that no training saw, sent one by one as callers would."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from airflow_mlops.core.records import FeatureSet

_CALLERS: Final = 8
_PAUSE_S: Final = 0.2
_ROWS: Final = 5_000


def hold_out_rows(features: FeatureSet, target: str) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return hold-out rows as JSON objects without the target, and the target of each."""
    from airflow_mlops.data.datasets import read_dataset
    from airflow_mlops.training.models import json_rows, plain

    frame = read_dataset(features.holdout).head(_ROWS)
    labels = [plain(value) for value in frame.pop(target)]
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in json_rows(frame)], labels


class Replay:
    """Sends ``rows`` (JSON objects) over and over to a model server from a thread of its own.

    ``base_url`` and ``token`` are the server's. With ``labels``, one per row, the truth follows each answer,
    as the guard ``quality`` needs it. ``counts`` has ``requests``, ``failed`` and ``fallback``.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        rows: Sequence[Mapping[str, Any]],
        labels: Sequence[Any] | None = None,
    ) -> None:
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._order = itertools.cycle(range(len(rows)))
        self._rows, self._labels = rows, labels
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send()), daemon=True)
        self.counts: Counter[str] = Counter()

    @property
    def running(self) -> bool:
        """Whether traffic flows."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Let traffic flow; a second start is harmless."""
        if not self._thread.is_alive() and not self._stopped.is_set():
            self._thread.start()

    def stop(self) -> None:
        """Stop once the open requests are answered."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(10)

    async def _send(self) -> None:
        limits = httpx.Limits(max_connections=_CALLERS)
        async with httpx.AsyncClient(
            base_url=self._base_url, headers=self._headers, limits=limits, timeout=10, trust_env=False
        ) as client:
            await asyncio.gather(*(self._call(client) for _ in range(_CALLERS)))

    async def _call(self, client: httpx.AsyncClient) -> None:
        while not self._stopped.is_set():
            number = next(self._order)
            try:
                await self._ask(client, number)
            except httpx.HTTPError:
                self.counts["failed"] += 1
                await asyncio.sleep(_PAUSE_S)

    async def _ask(self, client: httpx.AsyncClient, number: int) -> None:
        self.counts["requests"] += 1
        answer = await client.post("/invocations", json={"dataframe_records": [self._rows[number]]})
        if answer.is_error:
            self.counts["failed"] += 1
            await asyncio.sleep(_PAUSE_S if answer.is_server_error else 0)
        elif self._labels is not None:
            truth = {"request_id": answer.headers["x-request-id"], "label": self._labels[number]}
            await client.post("/labels", json=truth)
        if answer.headers.get("x-fallback"):
            self.counts["fallback"] += 1
