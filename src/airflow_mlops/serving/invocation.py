"""Answering one prediction request: route, predict, fall back to the champion, count."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.database import LoggedRequest
from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.guards import Seen
from airflow_mlops.serving.ledger import Ledger
from airflow_mlops.serving.model import Predictions, Prepared
from airflow_mlops.serving.payload import BadInputError, Payload, parse
from airflow_mlops.serving.sticky import StickyKey, draw_of, hashed
from airflow_mlops.serving.traffic import Traffic

log = logging.getLogger(__name__)
LOGGED_ROWS: Final = 100
COPIES: Final = 64
_REFUSED: Final = 400


@dataclass(frozen=True)
class Answer:
    """What the caller gets; ``version`` is who answered."""

    status: int
    body: dict[str, Any]
    version: int | None = None
    fallback: bool = False


@dataclass(frozen=True)
class _Outcome:
    """How one version answered a request; ``seconds`` is its own time."""

    predictions: Predictions | None
    status: int = 200
    detail: str = ""
    seconds: float = 0.0

    def seen(self) -> Seen:
        found = self.predictions
        if found is None:
            return Seen(self.status != 200, self.seconds)
        seconds = self.seconds if found.seconds is None else found.seconds
        return Seen(self.status != 200, seconds, found.scores[0] if found.scores else None)

    def logged(self, rows: int) -> tuple[str | None, str | None]:
        """The predictions and the scores as the request log keeps them."""
        if self.predictions is None or rows > LOGGED_ROWS:
            return None, None
        scores = self.predictions.scores
        return _json(self.predictions.values), None if scores is None else _json(scores)


@dataclass(frozen=True)
class _Request:
    """A request that can be answered, and the traffic split that it met."""

    id: str
    payload: Payload
    safe: Prepared
    traffic: Traffic
    ready: Mapping[int, Batcher]
    epoch: int


class Invocations:
    """Prediction requests of one server."""

    def __init__(
        self,
        fleet: Fleet,
        ledger: Ledger,
        timeout_s: float,
        sticky: StickyKey | None = None,
    ) -> None:
        self._fleet = fleet
        self._ledger = ledger
        self._timeout_s = timeout_s
        self._sticky = sticky
        self._copies: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Let the copies in flight finish."""
        await asyncio.gather(*self._copies, return_exceptions=True)

    async def answer(
        self,
        body: bytes,
        request_id: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        read: Callable[[bytes], Payload] = parse,
    ) -> Answer:
        """Answer one request and count it against the version that it was routed to.

        A request that the champion refuses, by its signature or for a null that it cannot take, is the
        fault of its caller and counts for nobody. One that the canary fails is answered by the champion
        and counts as a failure of the canary. ``read`` turns the body into rows, ``headers`` (lower case)
        may hold the key of sticky routing.
        """
        started = time.perf_counter()
        traffic, ready = self._fleet.traffic, self._fleet.ready
        if not ready:
            return Answer(503, {"error": self._nothing_ready()})
        try:
            payload = read(body)
            key = self._key(traffic, headers, payload)
            draw = random.random() if key is None else draw_of(key)  # noqa: S311 - no secret
            routed = traffic.route(ready, draw)
            if routed is None:
                return Answer(503, {"error": self._nothing_ready()})
            referee = traffic.champion if traffic.champion in ready else routed
            referee = routed if referee is None else referee
            safe = ready[referee].model.prepare(payload)
        except BadInputError as error:
            self._ledger.refuse()
            return Answer(_REFUSED, {"error": str(error)})
        epoch = self._epoch(traffic, ready, key)
        request = _Request(request_id, payload, safe, traffic, ready, epoch)
        if routed == referee:
            first = await self._run(ready[routed], lambda: safe, self._timeout_s)
            answer, outcome = _answer(first, routed), first
        else:
            answer, first, outcome = await self._canary(request, routed, referee)
        if answer.status == _REFUSED:
            self._ledger.refuse()
            return Answer(_REFUSED, answer.body)
        self._log(request, routed, answer, outcome, time.perf_counter() - started)
        self._count(request, routed, first)
        return answer

    def _key(self, traffic: Traffic, headers: Mapping[str, str], payload: Payload) -> int | None:
        if self._sticky is None or traffic.pair is None:
            return None
        key = self._sticky.of(headers, payload)
        return None if key is None else hashed(key, traffic.pair[1])

    def _epoch(self, traffic: Traffic, ready: Mapping[int, Batcher], key: int | None) -> int:
        """Return the epoch to count for; a caller who was counted already counts for none."""
        epoch = traffic.counted_epoch(ready)
        if epoch and key is not None and traffic.pair and not self._ledger.first(traffic.pair, key):
            return 0
        return epoch

    async def _canary(
        self, request: _Request, routed: int, referee: int
    ) -> tuple[Answer, _Outcome, _Outcome]:
        """Return the answer, how the canary answered, and what the caller got."""
        # Half of the time for the canary, so that a slow one leaves the champion time to answer.
        limit, canary = self._timeout_s / 2, request.ready[routed]
        first = await self._run(canary, lambda: canary.model.prepare(request.payload), limit)
        if first.status == 200:
            return _answer(first, routed), first, first
        second = await self._run(request.ready[referee], lambda: request.safe, limit)
        return _answer(second, referee, fallback=True), first, second

    def _count(self, request: _Request, routed: int, outcome: _Outcome) -> None:
        seen, traffic = outcome.seen(), request.traffic
        if routed == traffic.champion and not seen.failed:
            self._ledger.remember(routed, seen)
        if traffic.shadow is None or traffic.pair is None or traffic.shadow not in request.ready:
            self._ledger.count(request.epoch, routed, seen, traffic.pair)
        elif len(self._copies) < COPIES:
            task = asyncio.create_task(self._shadow(request, traffic.pair, seen))
            self._copies.add(task)
            task.add_done_callback(self._copies.discard)

    async def _shadow(self, request: _Request, pair: tuple[int, int], champion: Seen) -> None:
        canary = request.ready[pair[1]]
        outcome = await self._run(canary, lambda: canary.model.prepare(request.payload), self._timeout_s)
        self._ledger.count_pair(request.epoch, pair, champion, outcome.seen())
        self._ledger.log_shadow(request.id, pair[1], outcome.logged(request.safe.rows)[0])

    async def _run(self, batcher: Batcher, prepare: Callable[[], Prepared], limit: float) -> _Outcome:
        version, started = batcher.model.version, time.perf_counter()
        try:
            prepared = prepare()
            started = time.perf_counter()
            if batcher.model.quick:  # Done within this turn of the loop: nothing could interrupt it.
                found = await batcher.predict(prepared)
            else:
                async with asyncio.timeout(limit):
                    found = await batcher.predict(prepared)
            return _Outcome(found, seconds=time.perf_counter() - started)
        except BadInputError as error:
            return _Outcome(None, _REFUSED, str(error), time.perf_counter() - started)
        except TimeoutError:
            return _Outcome(None, 504, f"version {version} did not answer within {limit:g} s", limit)
        except Exception as error:
            log.debug("version %s failed", version, exc_info=True)
            text = " ".join(str(error).split())[:200]
            detail = f"version {version} failed: {type(error).__name__}: {text}"
            return _Outcome(None, 500, detail, time.perf_counter() - started)

    def _log(self, request: _Request, routed: int, answer: Answer, outcome: _Outcome, seconds: float) -> None:
        predictions, scores = outcome.logged(request.safe.rows)
        self._ledger.log(
            LoggedRequest(
                request_id=request.id,
                at=time.time(),
                epoch=request.epoch,
                routed=routed,
                answered=answer.version if answer.status == 200 else None,
                status=answer.status,
                rows=request.safe.rows,
                predictions=predictions,
                scores=scores,
                seconds=seconds,
            )
        )

    def _nothing_ready(self) -> str:
        states = {version: self._fleet.status(version) for version in self._fleet.versions}
        for version, (status, detail) in states.items():
            if status == "loading":
                return f"version {version} is loading, try again shortly"
            if status == "failed" and version == self._fleet.traffic.champion:
                return f"version {version} cannot serve: {detail}"
        return "no model is loaded yet: set the alias champion on a version and deploy it"


def _json(values: Any) -> str:
    return msgspec.json.encode(values, enc_hook=str).decode()


def _answer(outcome: _Outcome, version: int, *, fallback: bool = False) -> Answer:
    if outcome.predictions is None:
        return Answer(outcome.status, {"error": outcome.detail}, version, fallback)
    return Answer(200, {"predictions": outcome.predictions.values}, version, fallback)
