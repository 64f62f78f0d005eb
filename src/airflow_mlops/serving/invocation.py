"""Answering one prediction request: route, predict, fall back to the champion, count."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.big_requests import BigRequest, Read, big_request, is_small
from airflow_mlops.serving.callers import current_event
from airflow_mlops.serving.database import LoggedRequest
from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.guards import Seen
from airflow_mlops.serving.ledger import Ledger
from airflow_mlops.serving.outcome import REFUSED, Outcome, Write, run_version, write_predictions
from airflow_mlops.serving.payload import BadInputError, Payload, parse
from airflow_mlops.serving.prediction_request import Answer, PredictionRequest, Result
from airflow_mlops.serving.sticky import StickyKey, draw_of, hashed
from airflow_mlops.serving.traffic import Traffic

COPIES: Final = 64


async def _in_parts(body: bytes, read: Read, *, splits: bool) -> tuple[BigRequest, Payload]:
    """Return a long body in parts and the rows of its first one."""
    big = await asyncio.to_thread(big_request, body, read, splits=splits)
    return big, await asyncio.to_thread(big.parts[0])


def _plain(traffic: Traffic, ready: Mapping[int, Batcher]) -> bool:
    """Return whether the version that decides what a request must be like takes named plain columns."""
    champion = None if traffic.champion is None else ready.get(traffic.champion)
    return champion is not None and champion.model.plain


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
        read: Read = parse,
        write: Write = write_predictions,
        *,
        splits: bool = True,
    ) -> Answer:
        """Answer one request and count it against the version that it was routed to.

        A request that the champion refuses, by its signature or for a null that it cannot take, is the
        fault of its caller and counts for nobody; so is one on which champion and canary fail alike, where no
        signature says what they take. One that the canary fails is answered by the champion and counts as a
        failure of the canary. Every version has the same time. ``read`` turns the body into rows, ``write``
        makes the body of the answer, ``headers`` (lower case) may hold the key of sticky routing. A big body
        is answered in parts; ``splits`` says that it may be one of MLflow's JSON formats.
        """
        started = asyncio.get_running_loop().time()
        traffic, ready = self._fleet.traffic, self._fleet.ready
        if not ready:
            return Answer.error(503, self._nothing_ready())
        try:
            big: BigRequest | None = None
            if is_small(body, plain=splits and _plain(traffic, ready)):
                payload = read(body)
            else:
                big, payload = await _in_parts(body, read, splits=splits)
            key = self._key(traffic, headers, payload)
            draw = random.random() if key is None else draw_of(key)  # noqa: S311 - no secret
            routed = traffic.route(ready, draw)
            if routed is None:
                return Answer.error(503, self._nothing_ready())
            referee = traffic.champion if traffic.champion in ready else routed
            referee = routed if referee is None else referee
            safe = None if big else ready[referee].model.prepare(payload)
        except BadInputError as error:
            self._ledger.refuse()
            return Answer.error(REFUSED, str(error))
        epoch, deadline = traffic.counted_epoch(ready), started + self._timeout_s
        first = not epoch or key is None or not traffic.pair or self._ledger.first(traffic.pair, key)
        request = PredictionRequest(
            request_id, payload, big, referee, safe, traffic, ready, epoch, first, deadline, write
        )
        result = await (self._champion(request) if routed == referee else self._canary(request, routed))
        return self._concluded(request, routed, result, started)

    def _concluded(self, request: PredictionRequest, routed: int, result: Result, started: float) -> Answer:
        """Count and log a request, and return its answer."""
        given = result.given
        if given.status == REFUSED or (result.both_refuse and not self._signed(request)):
            self._ledger.refuse()
            alike = "" if given.status == REFUSED else "no version takes this request: "
            return Answer.error(REFUSED, alike + given.detail, result.version, fallback=result.fallback)
        if given.failed:
            answer = Answer.error(given.status, given.detail, result.version, fallback=result.fallback)
        else:
            answer = Answer(200, given.body, result.version, result.fallback)
        seconds = asyncio.get_running_loop().time() - started
        self._log(request, routed, answer, given, seconds)
        self._count(request, routed, result)
        return answer

    def _signed(self, request: PredictionRequest) -> bool:
        return request.ready[request.referee].model.signed

    def _key(self, traffic: Traffic, headers: Mapping[str, str], payload: Payload) -> int | None:
        if self._sticky is None or traffic.pair is None:
            return None
        key = self._sticky.of(headers, payload)
        return None if key is None else hashed(key, traffic.pair[1])

    async def _champion(self, request: PredictionRequest) -> Result:
        """Have the champion answer.

        Where no signature says what a request must be like and the champion fails on it, a canary is asked as
        well: both arms are judged by the same rule.
        """
        own = await self._run(request, request.referee)
        pair = request.traffic.pair
        asked = own.error and pair is not None and pair[1] in request.ready and pair[1] != request.referee
        if asked and pair is not None and not self._signed(request):
            other = await self._run(request, pair[1])
            if other.error == own.error:
                return Result(own, other, request.referee)
        return Result(own, own, request.referee)

    async def _canary(self, request: PredictionRequest, routed: int) -> Result:
        """Have the canary answer, or the champion when the canary fails.

        When half of the time is over the champion begins as well, and answers the caller if the canary does
        not do so in time. The canary keeps its time: it is counted by what it does until the deadline.
        """
        if request.ready[routed].model.quick and request.big is None:
            own = await self._run(request, routed)
            return await self._or_champion(request, routed, own)
        canary = asyncio.create_task(self._run(request, routed))
        standby: asyncio.Task[Outcome] | None = None
        try:
            half = request.deadline - self._timeout_s / 2 - asyncio.get_running_loop().time()
            await asyncio.wait({canary}, timeout=max(0.0, half))
            if not canary.done():
                standby = asyncio.create_task(self._run(request, request.referee))
            own = await canary
            return await self._or_champion(request, routed, own, standby)
        finally:
            canary.cancel()
            if standby is not None:
                standby.cancel()

    async def _or_champion(
        self,
        request: PredictionRequest,
        routed: int,
        own: Outcome,
        standby: asyncio.Task[Outcome] | None = None,
    ) -> Result:
        if not own.failed:
            return Result(own, own, routed)
        given = await (standby or self._run(request, request.referee))
        return Result(own, given, request.referee, fallback=True)

    async def _run(self, request: PredictionRequest, version: int, extra_s: float = 0.0) -> Outcome:
        return await run_version(
            request.ready[version],
            request.ask,
            request.write,
            request.deadline + extra_s,
            self._timeout_s,
            at_once=request.big is None,
        )

    def _count(self, request: PredictionRequest, routed: int, result: Result) -> None:
        seen, traffic = result.own.seen(), request.traffic
        if routed == traffic.champion and not seen.failed:
            self._ledger.remember(routed, seen)
        if traffic.shadow is None or traffic.pair is None or traffic.shadow not in request.ready:
            more: tuple[str, ...] = (
                ("fallback_failures" if result.given.failed else "fallbacks",) if result.fallback else ()
            )
            if seen.failed and request.first:
                more = (*more, current_event(request.epoch, time.time()))
            sticky = self._sticky is not None
            self._ledger.count(
                request.epoch, routed, seen, traffic.pair, first=request.first, every=sticky, more=more
            )
        elif len(self._copies) < COPIES:
            task = asyncio.create_task(self._shadow(request, traffic.pair, seen))
            self._copies.add(task)
            task.add_done_callback(self._copies.discard)

    async def _shadow(self, request: PredictionRequest, pair: tuple[int, int], champion: Seen) -> None:
        taken = asyncio.get_running_loop().time() - (request.deadline - self._timeout_s)
        outcome = await self._run(request, pair[1], extra_s=taken)  # A copy has its time from now on.
        if request.first:
            self._ledger.count_pair(request.epoch, pair, champion, outcome.seen())
        self._ledger.log_shadow(request.id, pair[1], outcome.logged(request.rows(outcome))[0])

    def _log(
        self, request: PredictionRequest, routed: int, answer: Answer, outcome: Outcome, seconds: float
    ) -> None:
        predictions, scores = outcome.logged(request.rows(outcome))
        self._ledger.log(
            LoggedRequest(
                request_id=request.id,
                at=time.time(),
                epoch=request.epoch if request.first else 0,
                routed=routed,
                answered=answer.version if answer.status == 200 else None,
                status=answer.status,
                rows=request.rows(outcome),
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
        if self._fleet.looking:
            return "the champion is being looked up in MLflow and loaded, try again shortly"
        if self._fleet.ready:
            return f"version {min(self._fleet.ready)} is loaded, but no version has traffic: deploy it"
        return "no model is loaded yet: set the alias champion on a version and deploy it"
