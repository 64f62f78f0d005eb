"""Answering one prediction request: route, predict, fall back to the champion, count."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.database import LoggedRequest
from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.ledger import Ledger
from airflow_mlops.serving.model import Predictions, Prepared
from airflow_mlops.serving.payload import BadInputError, parse

log = logging.getLogger(__name__)
LOGGED_ROWS: Final = 100


@dataclass(frozen=True)
class Answer:
    """What the caller gets; ``version`` is who answered."""

    status: int
    body: dict[str, Any]
    version: int | None = None
    fallback: bool = False


@dataclass(frozen=True)
class _Outcome:
    predictions: Predictions | None
    status: int = 200
    detail: str = ""


class Invocations:
    """Prediction requests of one server; ``draw`` returns uniform numbers in [0, 1)."""

    def __init__(
        self,
        fleet: Fleet,
        ledger: Ledger,
        timeout_s: float,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._fleet = fleet
        self._ledger = ledger
        self._timeout_s = timeout_s
        self._draw = draw

    async def answer(self, body: bytes, request_id: str) -> Answer:
        """Answer one request and count it against the version that it was routed to.

        A request that the champion's signature refuses is the caller's fault and counts for nobody. One that
        the canary fails is answered by the champion and counts as a failure of the canary.
        """
        started = time.perf_counter()
        traffic, ready = self._fleet.traffic, self._fleet.ready
        routed = traffic.route(ready, self._draw())
        if routed is None:
            return Answer(503, {"error": self._nothing_ready()})
        referee = traffic.champion if traffic.champion in ready and traffic.champion is not None else routed
        try:
            payload = parse(body)
            safe = ready[referee].model.prepare(payload)
        except BadInputError as error:
            self._ledger.tally.refused += 1
            return Answer(400, {"error": str(error)})
        if routed == referee:
            outcome = await self._run(ready[routed], lambda: safe, self._timeout_s)
            answer = _answer(outcome, routed)
            failed = outcome.status != 200
        else:
            # Half of the time for the canary, so that a slow one leaves the champion time to answer.
            outcome = await self._run(
                ready[routed], lambda: ready[routed].model.prepare(payload), self._timeout_s / 2
            )
            answer, failed = _answer(outcome, routed), outcome.status != 200
            if failed:
                outcome = await self._run(ready[referee], lambda: safe, self._timeout_s / 2)
                answer = _answer(outcome, referee, fallback=True)
        seconds = time.perf_counter() - started
        self._record(request_id, traffic.epoch, routed, answer, outcome, safe.rows, seconds, failed=failed)
        return answer

    async def _run(self, batcher: Batcher, prepare: Callable[[], Prepared], limit: float) -> _Outcome:
        version = batcher.model.version
        try:
            return _Outcome(await asyncio.wait_for(batcher.predict(prepare()), limit))
        except TimeoutError:
            return _Outcome(None, 504, f"version {version} did not answer within {limit:g} s")
        except Exception as error:
            log.debug("version %s failed", version, exc_info=True)
            text = " ".join(str(error).split())[:200]
            return _Outcome(None, 500, f"version {version} failed: {type(error).__name__}: {text}")

    def _record(
        self,
        request_id: str,
        epoch: int,
        routed: int,
        answer: Answer,
        outcome: _Outcome,
        rows: int,
        seconds: float,
        *,
        failed: bool,
    ) -> None:
        found = outcome.predictions if rows <= LOGGED_ROWS else None
        item = LoggedRequest(
            request_id=request_id,
            at=time.time(),
            epoch=epoch,
            routed=routed,
            answered=answer.version if answer.status == 200 else None,
            status=answer.status,
            rows=rows,
            predictions=None if found is None else json.dumps(found.values, default=str),
            scores=None if found is None or found.scores is None else json.dumps(found.scores),
            seconds=seconds,
        )
        self._ledger.record(item, failed=failed)

    def _nothing_ready(self) -> str:
        loading = [v for v, slot in self._fleet.slots.items() if slot.status == "loading"]
        if loading:
            return f"version {loading[0]} is loading, try again shortly"
        return "no model yet: give a version the alias champion and deploy it"


def _answer(outcome: _Outcome, version: int, *, fallback: bool = False) -> Answer:
    if outcome.predictions is None:
        return Answer(outcome.status, {"error": outcome.detail}, version, fallback)
    return Answer(200, {"predictions": outcome.predictions.values}, version, fallback)
