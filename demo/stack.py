"""Starts and stops the demo's processes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from demo.layout import DemoError, Layout


@dataclass
class Stack:
    """The running processes of one demo, remembered in a file."""

    layout: Layout
    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    pids: Path | None = None

    @property
    def _pids(self) -> Path:
        return self.pids or self.layout.root / "pids.json"

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start ``python -m command...``; its output goes to a log file."""
        self.layout.logs.mkdir(parents=True, exist_ok=True)
        with (self.layout.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=dict(self.environment),
                cwd=self.layout.root,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        remembered = {name: [process.pid, born(process.pid)] for name, process in self.processes.items()}
        write_whole(self._pids, json.dumps(remembered))

    def join(self, name: str) -> None:
        """Wait for a process that ends by itself; raises DemoError with the end of its log when it failed."""
        if self.processes.pop(name).wait(timeout=300) != 0:
            raise DemoError(f"{name} failed:\n{self.tail(name)}")

    def check(self) -> None:
        """Raise DemoError when a process has ended by itself."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise DemoError(f"{name} ended by itself (exit {process.returncode}):\n{self.tail(name)}")

    def tail(self, name: str, lines: int = 12) -> str:
        """Return the end of a process's log."""
        path = self.layout.logs / f"{name}.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join([*text.splitlines()[-lines:], f"(all of it: {path})"])

    def stop(self, name: str) -> None:
        """Stop one process and what it started."""
        process = self.processes.pop(name, None)
        if process and process.poll() is None:
            _end([psutil.Process(process.pid)])
            process.wait()

    def stop_all(self) -> None:
        """Stop everything, the last one started first."""
        for name in reversed(list(self.processes)):
            self.stop(name)
        self._pids.unlink(missing_ok=True)


def stop_remembered(pids: Path) -> list[str]:
    """Stop what an earlier demo left running (it may have been killed); returns the names.

    A process is only ended when it still is the one that was started: its start time must match.
    """
    if not pids.exists():
        return []
    stopped = []
    for name, (pid, start) in reversed(json.loads(pids.read_text()).items()):
        if start is not None and born(pid) == start:
            _end([psutil.Process(pid)])
            stopped.append(name)
    pids.unlink()
    return stopped


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


def wait_for(what: str, ready: Callable[[], bool], stack: Stack, seconds: float = 120) -> None:
    """Wait until ``ready()``; raises DemoError when it takes longer or a process ends."""
    deadline = time.monotonic() + seconds
    while not ready():
        stack.check()
        if time.monotonic() > deadline:
            raise DemoError(f"{what} was not ready after {seconds:.0f} s: see {stack.layout.logs}")
        time.sleep(0.3)


def _end(processes: Sequence[psutil.Process], seconds: float = 15) -> None:
    """End processes and everything that they started: first politely, then for good."""
    family = [child for one in processes for child in _children(one)] + list(processes)
    for one in family:
        _signal(one.terminate)
    _, left = psutil.wait_procs(family, timeout=seconds)
    for one in left:
        _signal(one.kill)
    psutil.wait_procs(left, timeout=seconds)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _signal(send: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        send()


def born(pid: int) -> float | None:
    """Return when a process started, which tells it from a later one with the same number."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None
