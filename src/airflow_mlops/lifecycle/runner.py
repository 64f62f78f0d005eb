"""The only door to a stage: a JSON request in, a JSON result out.

The same request gives the same record in this process, in another interpreter
(``python -m airflow_mlops.runner request.json result.json``) or in a pod.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from airflow_mlops.core.errors import ConfigError, MlopsError
from airflow_mlops.core.record import Record
from airflow_mlops.lifecycle.table import find_task, task_ids


@dataclass(frozen=True, kw_only=True)
class StageRequest:
    """What one stage needs.

    ``pipeline`` is the effective configuration, ``inputs`` maps names to records as JSON (or lists of
    them), ``task_key`` names the Airflow task (``dag/run/task/map_index``) and with it the one MLflow run
    of all its tries, ``as_of`` and ``window_start`` are ISO times (rows before ``as_of`` only), ``base``
    is the folder that relative paths start from, ``artifacts`` the folder or URI that data is written to.
    """

    stage: str
    pipeline: Mapping[str, Any]
    task_key: str
    artifacts: str
    tracking_uri: str
    base: str = "."
    as_of: str | None = None
    window_start: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """The record of a stage as JSON, its digest, and what it cost in seconds (wall and CPU)."""

    stage: str
    record: Mapping[str, Any]
    digest: str
    seconds: float
    cpu_seconds: float


def run_stage(request: StageRequest) -> StageResult:
    """Run one stage in this process.

    Raises ConfigError for an unknown stage, and whatever MlopsError the stage itself raises.
    """
    from airflow_mlops.lifecycle.call import StageCall

    task = find_task(request.stage)
    if task is None:
        raise ConfigError(f"unknown stage {request.stage!r}; known: {', '.join(task_ids())}")
    stage = importlib.import_module(task.stage_module)
    return _run(request, lambda: stage.run(StageCall.from_request(asdict(request))))


def run_function(
    request: StageRequest, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> StageResult:
    """Run a user's function as a stage in this process; ``stages.own`` says what it gets and may return."""

    def work() -> Record:
        from airflow_mlops.lifecycle.call import StageCall

        own = importlib.import_module("airflow_mlops.stages.own")
        record: Record = own.run(StageCall.from_request(asdict(request)), function, args, kwargs)
        return record

    return _run(request, work)


def _run(request: StageRequest, work: Callable[[], Record]) -> StageResult:
    started, cpu = time.perf_counter(), time.process_time()
    record = work().to_json()
    return StageResult(
        stage=request.stage,
        record=record,
        digest=digest(record),
        seconds=round(time.perf_counter() - started, 3),
        cpu_seconds=round(time.process_time() - cpu, 3),
    )


def digest(record: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's canonical JSON."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def main(argv: list[str]) -> int:
    """Run the request in file ``argv[0]`` and write its result to file ``argv[1]``."""
    try:
        result = run_stage(StageRequest(**json.loads(Path(argv[0]).read_text())))
    except MlopsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is the command's own output
        return 3 if error.retryable else 1
    Path(argv[1]).write_text(json.dumps(asdict(result)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
