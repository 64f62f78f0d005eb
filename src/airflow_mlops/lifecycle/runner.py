"""The only door to a stage: a JSON request in, a JSON result out.

The same request gives the same record in this process, in another interpreter
(``python -m airflow_mlops.runner request.json result.json``) or in a pod.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_mlops.core.errors import ConfigError, MlopsError
from airflow_mlops.core.record import Record
from airflow_mlops.lifecycle.table import find_task, task_ids

if TYPE_CHECKING:
    from airflow_mlops.lifecycle.call import StageCall
    from airflow_mlops.lifecycle.ports import Ports


@dataclass(frozen=True, kw_only=True)
class StageRequest:
    """What one stage needs.

    ``pipeline`` is the effective configuration or the part that the task's row names, ``inputs`` maps names
    to records as JSON (or lists of them), ``task_key`` names the Airflow task (``dag/run/task/map_index``)
    and with it the one MLflow run of all its tries, ``as_of`` and ``window_start`` are ISO times (rows before
    ``as_of`` only), ``base`` is the folder that relative paths start from, ``artifacts`` the folder or URI
    that data is written to, ``user`` the person who started the run, empty when nobody did.
    """

    stage: str
    pipeline: Mapping[str, Any]
    task_key: str
    artifacts: str
    tracking_uri: str
    base: str = "."
    as_of: str | None = None
    window_start: str | None = None
    user: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """The record of a stage as JSON, its digest, and what it cost in seconds (wall and CPU).

    ``rejection`` is the reason of a record that ends the run, such as that of a failed gate.
    """

    stage: str
    record: Mapping[str, Any]
    digest: str
    seconds: float
    cpu_seconds: float
    rejection: str = ""


def run_stage(request: StageRequest, ports: Ports | None = None) -> StageResult:
    """Run one stage in this process; without ``ports`` with those of the environment.

    Raises ConfigError for an unknown stage, and whatever MlopsError the stage itself raises.
    """
    task = find_task(request.stage)
    if task is None:
        raise ConfigError(f"unknown stage {request.stage!r}; known: {', '.join(task_ids())}")
    stage = importlib.import_module(task.stage_module)
    from airflow_mlops.lifecycle.call import given_sections

    return _run(request, ports, given_sections(request.pipeline, task.sections, task.config), stage.run)


def run_function(
    request: StageRequest,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    ports: Ports | None = None,
) -> StageResult:
    """Run a user's function as a stage in this process; see ``stages.own`` for its arguments and results."""
    own = importlib.import_module("airflow_mlops.stages.own")
    return _run(request, ports, (), lambda call: own.run(call, function, args, kwargs))


def _run(
    request: StageRequest, ports: Ports | None, sections: Sequence[str], work: Callable[[StageCall], Record]
) -> StageResult:
    from airflow_mlops.data.sources.quoting import without_causes
    from airflow_mlops.lifecycle.call import StageCall
    from airflow_mlops.lifecycle.ports import environment_ports

    ports = ports or environment_ports(request.tracking_uri, request.artifacts)
    started, cpu = time.perf_counter(), time.process_time()
    call = StageCall.from_request(asdict(request), ports, sections)
    quotes = "validate" not in sections or call.quotes_cells
    with ports.mlflow.signed_in(), without_causes(samples=quotes):
        record = work(call)
    found = record.to_json()
    return StageResult(
        stage=request.stage,
        record=found,
        digest=digest(found),
        seconds=round(time.perf_counter() - started, 3),
        cpu_seconds=round(time.process_time() - cpu, 3),
        rejection=record.rejection,
    )


def digest(record: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's canonical JSON.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def main(argv: list[str]) -> int:
    """Run the request in file ``argv[0]`` and write its result to file ``argv[1]``; return the exit code.

    It is 0, 1 for a stage that failed, 3 for one that may succeed when it is tried again; a call or a request
    file that is wrong ends the process with 2, as argparse does.
    """
    parser = argparse.ArgumentParser(
        prog="python -m airflow_mlops.runner",
        description="Run one stage in this interpreter.",
        epilog="exit codes: 0 done, 1 the stage failed, 2 the call is wrong, 3 the stage may be tried again",
    )
    parser.add_argument("request", type=Path, help="JSON file with the fields of StageRequest")
    parser.add_argument("result", type=Path, help="file that the result is written to, as JSON")
    files = parser.parse_args(argv)
    try:
        request = StageRequest(**json.loads(files.request.read_text()))
    except (OSError, ValueError, TypeError) as error:
        parser.error(f"cannot read the request {files.request}: {error}")
    try:
        result = run_stage(request)
    except MlopsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is the command's own output
        return 3 if error.retryable else 1
    files.result.write_text(json.dumps(asdict(result)))
    return 0
