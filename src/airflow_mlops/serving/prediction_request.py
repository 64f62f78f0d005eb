"""One prediction request: what a caller sent, what came of it, what the caller gets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.big_requests import Part, Read, joined, located, whole
from airflow_mlops.serving.encoding import encode
from airflow_mlops.serving.model import Model, Predictions, Prepared
from airflow_mlops.serving.outcome import Outcome, Write
from airflow_mlops.serving.payload import BadInputError, Payload
from airflow_mlops.serving.traffic import Traffic


@dataclass(frozen=True)
class Answer:
    """What the caller gets: a status and a ``body`` of JSON; ``version`` is who answered."""

    status: int
    body: bytes
    version: int | None = None
    fallback: bool = False

    @classmethod
    def error(cls, status: int, text: str, version: int | None = None, *, fallback: bool = False) -> Answer:
        """Return the answer to a request that nobody could answer."""
        return cls(status, encode({"error": text}), version, fallback)


@dataclass(frozen=True)
class PredictionRequest:
    """A request that can be answered, and the traffic split that it met.

    ``deadline`` is on the clock of the event loop. ``first`` is False for a caller who was counted already.
    A big request comes in ``parts``, and ``payload`` is the first of them; ``safe`` are the rows as the
    ``referee`` takes them, the version that decides what a request must be like.
    """

    id: str
    payload: Payload
    body: bytes
    read: Read
    parts: Sequence[Part]
    referee: int
    safe: Prepared | None
    traffic: Traffic
    ready: Mapping[int, Batcher]
    epoch: int
    first: bool
    deadline: float
    write: Write

    async def ask(self, batcher: Batcher) -> Predictions:
        """Return the predictions of one version."""
        model = batcher.model
        if self.parts:
            return await self._ask_in_parts(batcher)
        known = self.safe if model.version == self.referee else None
        return await batcher.predict(model.prepare(self.payload) if known is None else known)

    async def _ask_in_parts(self, batcher: Batcher) -> Predictions:
        model, rows = batcher.model, 0
        found: list[Predictions] = []
        if not model.columns:  # Nothing says that it answers row by row.
            payload = await asyncio.to_thread(whole, self.parts, self.body, self.read)
            return await batcher.predict(await asyncio.to_thread(model.prepare, payload))
        for part in self.parts:
            try:
                prepared = await asyncio.to_thread(_prepared, model, part)
                found.append(await batcher.predict(prepared))
            except BadInputError as error:
                raise located(error, rows) from error
            rows += prepared.rows
        return await asyncio.to_thread(joined, found)

    def rows(self, outcome: Outcome) -> int:
        """Return the number of rows; that of a big request is known by its answer."""
        if self.parts:
            return 0 if outcome.predictions is None else len(outcome.predictions.values)
        return self.payload.rows


@dataclass(frozen=True)
class Result:
    """How a request ended: what its version did, what the caller got, whether the champion stepped in."""

    own: Outcome
    given: Outcome
    version: int
    fallback: bool = False

    @property
    def both_refuse(self) -> bool:
        """Whether two versions failed on the request in the same way."""
        return self.own is not self.given and self.own.error == self.given.error != ""


def _prepared(model: Model, part: Part) -> Prepared:
    return model.prepare(part())
