"""Runs that a killed task left open: how a run shows that its task is alive, and how the others are closed.

A task that is killed (out of memory, a lost worker) cannot close its MLflow run. The next run of the pipeline
does, by this rule: a run is closed when the process that opened it was on this machine and is gone, or when
it has not given a sign of life for ``SILENT_S``. A run of before, which gives no signs, is closed after
``UNKNOWN_S``. A task that was only slow closes its run itself when it ends, as finished or failed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from airflow_mlops.core.tags import ALIVE_AT, CLOSED, PROCESS, TASK_KEY

BEAT_S: Final = 60.0
"""Time between two signs of life."""
SILENT_S: Final = 1800.0
"""After this time without a sign of life a task on another machine counts as dead."""
UNKNOWN_S: Final = 7 * 86400.0
"""After this time a run that gives no signs of life counts as dead."""
_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 200


def signs_of_life() -> dict[str, str]:
    """Return the tags that say which process has a run open, and when it was last alive."""
    return {PROCESS: json.dumps(_process(os.getpid())), ALIVE_AT: _now()}


@contextlib.contextmanager
def beating(client: Any, run_id: str, every_s: float = BEAT_S) -> Iterator[None]:
    """Give a sign of life now and then while the block runs; a fault of MLflow ends nothing."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(every_s):
            with contextlib.suppress(Exception):
                client.set_tag(run_id, ALIVE_AT, _now())

    thread = threading.Thread(target=beat, name="mlflow-run-alive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=5.0)


def close_dead(client: Any, experiment: str, own: str) -> list[str]:
    """Close the open runs of dead tasks as KILLED, with a note; return them. ``own`` is the caller's run.

    Raises what MLflow raises.
    """
    found = client.search_runs(
        [experiment], filter_string="attributes.status = 'RUNNING'", max_results=_AT_ONCE
    )
    closed = []
    for run in found:
        tags = run.data.tags
        if run.info.run_id == own or TASK_KEY not in tags:  # a run of the user's own is not ours to close
            continue
        if why := why_dead(tags, run.info.start_time / 1000, time.time()):
            client.set_tag(run.info.run_id, CLOSED, f"{why}; closed on {_now()}")
            client.set_terminated(run.info.run_id, status="KILLED")
            closed.append(run.info.run_id)
            _LOG.warning("MLflow run %s of task %s was left open: %s", run.info.run_id, tags[TASK_KEY], why)
    return closed


def why_dead(tags: Mapping[str, str], started: float, now: float) -> str:
    """Return why the task that opened a run is dead; empty when it may be alive. Times are in seconds."""
    process = _parsed(tags.get(PROCESS, ""))
    if process and process.get("machine") == _machine():
        pid = process.get("pid")
        same = _process(pid) == process
        return "" if same else f"its process {pid} ended without closing it"
    last = tags.get(ALIVE_AT)
    if last is None:
        return "it gave no sign of life for a week" if now - started > UNKNOWN_S else ""
    silent = now - datetime.fromisoformat(last).timestamp()
    return f"its task gave no sign of life for {silent / 60:.0f} minutes" if silent > SILENT_S else ""


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _process(pid: Any) -> dict[str, Any]:
    """Return what tells a process from a later one with its number; without a start it is gone."""
    return {"machine": _machine(), "pid": pid, "started": _started(pid)}


def _machine() -> str:
    """Return where process numbers mean the same: the machine since its start, and its namespace."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _started(pid: Any) -> str | None:
    """Return when a process started; None for one that is gone or only waits to be collected."""
    try:
        fields = Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _signalled(int(pid))
    return None if fields[0] in "ZX" else fields[19]


def _signalled(pid: int) -> str | None:
    """Return a word for a process that is there, where its start cannot be read."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return "running"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
