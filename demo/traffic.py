"""Live traffic: replays flights of one month to the model server, one request a flight, at a steady pace.

A process of its own: `python -m demo.traffic FILE URL REPORT --rate 60`. It knows the server only by its
address and token, as any client would. In two requests of five the aircraft is not assigned yet.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import itertools
import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq

from demo.stack import write_whole

_NO_AIRCRAFT_YET = 0.4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="Parquet file of flights")
    parser.add_argument("url", help="address of the model server")
    parser.add_argument("report", type=Path, help="JSON file that says how it goes")
    parser.add_argument("--rate", type=float, default=60.0, help="requests per second")
    parser.add_argument("--seconds", type=float, default=3600.0, help="end by itself after so long")
    arguments = parser.parse_args()
    asyncio.run(_replay(arguments))


async def _replay(arguments: argparse.Namespace) -> None:
    flights = _flights(arguments.file)
    counts: collections.Counter[str] = collections.Counter()
    stop = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    headers = {"Authorization": f"Bearer {os.environ['AIRFLOW_MLOPS_SERVING_TOKEN']}"}
    limits = httpx.Limits(max_connections=16)
    async with httpx.AsyncClient(
        base_url=arguments.url, headers=headers, limits=limits, trust_env=False
    ) as client:
        started, pending = time.monotonic(), set[asyncio.Task[None]]()
        for number in itertools.count():
            due = started + number / arguments.rate
            if stop.is_set() or due > started + arguments.seconds:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(pending) < 64:
                task = asyncio.create_task(_ask(client, next(flights), counts))
                pending.add(task)
                task.add_done_callback(pending.discard)
            if number % 30 == 0:
                write_whole(arguments.report, json.dumps(counts))
        await asyncio.gather(*pending)
    write_whole(arguments.report, json.dumps(counts))


async def _ask(client: httpx.AsyncClient, flight: dict[str, Any], counts: collections.Counter[str]) -> None:
    counts["requests"] += 1
    try:
        answer = await client.post("/invocations", json={"dataframe_records": [flight]}, timeout=10)
    except httpx.HTTPError as error:
        counts["failed"] += 1
        counts[type(error).__name__] += 1
        return
    if answer.status_code != 200:
        counts["failed"] += 1
        counts[f"status {answer.status_code}"] += 1
        return
    counts[f"version {answer.headers.get('x-model-version', '?')}"] += 1
    if answer.headers.get("x-fallback"):
        counts["rescued by the champion"] += 1


def _flights(file: Path) -> Iterator[dict[str, Any]]:
    chance = random.Random(7)
    rows = pq.read_table(file).drop_columns(["late"]).to_pylist()
    chance.shuffle(rows)
    for row in itertools.cycle(rows):
        row = {**row, "time_hour": row["time_hour"].isoformat()}
        if chance.random() < _NO_AIRCRAFT_YET:
            row["tailnum"] = None
        yield row


if __name__ == "__main__":
    main()
