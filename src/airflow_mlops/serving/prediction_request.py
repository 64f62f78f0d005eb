"""One prediction request: what a caller sent, what came of it, what the caller gets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence, Set
from typing import Any

import msgspec

from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.big_requests import BigRequest, Part, joined, located
from airflow_mlops.serving.encoding import encode
from airflow_mlops.serving.model import Model, Predictions, Prepared
from airflow_mlops.serving.outcome import Outcome, Write
from airflow_mlops.serving.payload import BadInputError, Payload
from airflow_mlops.serving.traffic import Traffic


class Answer(msgspec.Struct, frozen=True):
    """What the caller gets: a status and a ``body`` of JSON; ``version`` is who answered."""

    status: int
    body: bytes
    version: int | None = None
    fallback: bool = False

    @classmethod
    def error(cls, status: int, text: str, version: int | None = None, *, fallback: bool = False) -> Answer:
        """Return the answer to a request that nobody could answer."""
        return cls(status, encode({"error": text}), version, fallback)


class PredictionRequest(msgspec.Struct, frozen=True):
    """A request that can be answered, and the traffic split that it met.

    ``deadline`` is on the clock of the event loop. ``first`` is False for a caller who was counted already.
    ``payload`` is the first part of a ``big`` request. ``safe`` are the rows of a small one as the
    ``referee`` takes them, the version that decides what a request must be like.
    """

    id: str
    payload: Payload
    big: BigRequest | None
    referee: int
    safe: Prepared | None
    traffic: Traffic
    ready: Mapping[int, Batcher]
    epoch: int
    first: bool
    deadline: float
    write: Write

    async def ask(self, batcher: Batcher) -> Predictions:
        """Return the predictions of one version.

        The champion may answer in any shape, as with MLflow's scoring server. A canary must have a prediction
        per row if the champion has: raises ValueError otherwise.
        """
        model = batcher.model
        if self.big is not None:
            found = await self._ask_in_parts(batcher, self.big)
            if found is not None:
                return found
            payload = await asyncio.to_thread(self.big.whole)
            prepared = await asyncio.to_thread(model.prepare, payload)
        elif model.version == self.referee and self.safe is not None:
            prepared = self.safe
        else:
            prepared = model.prepare(self.payload)
        found = await batcher.predict(prepared)
        if model.version == self.referee or found.is_by_row(prepared.rows):
            return found
        if not self.ready[self.referee].model.any_length:
            shape = len(found.values) if isinstance(found.values, list) else type(found.values).__name__
            raise ValueError(f"the model returned {shape} predictions for {prepared.rows} rows")
        return found

    async def _ask_in_parts(self, batcher: Batcher, big: BigRequest) -> Predictions | None:
        """Return the predictions of all parts, None for a model that must have its rows at once."""
        model, rows = batcher.model, 0
        found: list[Predictions] = []
        for part in big.parts:
            if model.any_length:
                return None
            try:
                prepared = await asyncio.to_thread(_prepared, model, part, self.payload.names)
                if prepared is None or prepared.key is None:  # Nothing says that it answers row by row.
                    return None
                found.append(await batcher.predict(prepared))
            except BadInputError as error:
                if await asyncio.to_thread(_names_differ, big.parts):
                    return None
                raise located(error, rows) from error
            if not found[-1].is_by_row(prepared.rows):
                return None
            rows += prepared.rows
        return await asyncio.to_thread(joined, found)

    def rows(self, outcome: Outcome) -> int:
        """Return the number of rows; that of a big request is known by its answer."""
        if self.big is None:
            return self.payload.rows
        values = None if outcome.predictions is None else outcome.predictions.values
        return len(values) if isinstance(values, list) else 0


class Result(msgspec.Struct, frozen=True):
    """How a request ended: what its version did, what the caller got, whether the champion stepped in."""

    own: Outcome
    given: Outcome
    version: int
    fallback: bool = False

    @property
    def both_refuse(self) -> bool:
        """Whether two versions failed on the request in the same way."""
        return self.own is not self.given and self.own.error == self.given.error != ""


def _prepared(model: Model, part: Part, names: Set[Any]) -> Prepared | None:
    """Return the rows of a part, None when it does not name the columns of the first part.

    A column that the records of one part leave out is null there if those of another part have it.
    """
    payload = part()
    return model.prepare(payload) if payload.names == names else None


def _names_differ(parts: Sequence[Part]) -> bool:
    """Return whether the parts of a request name different columns, as far as they can be read."""
    try:
        return len({frozenset(part().names) for part in parts}) > 1
    except BadInputError:
        return False
