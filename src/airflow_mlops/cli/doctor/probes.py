"""Runs checks of external systems concurrently, each within a time limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from threading import Thread
from typing import Final

from airflow_mlops.cli.doctor.finding import Finding, failed
from airflow_mlops.core.errors import MlopsError

LIMIT_S: Final = 3.0


@dataclass(frozen=True)
class Probe:
    """One check of an external system; ``fix`` is the next step when it does not end in time."""

    check: str
    run: Callable[[], Sequence[Finding]]
    fix: str


def run_probes(probes: Sequence[Probe], limit_s: float = LIMIT_S) -> list[Finding]:
    """Return the findings in the order of the probes; a probe that takes longer than ``limit_s`` fails.

    A probe that hangs keeps its thread until the process ends; an executor would wait for it at exit.
    """
    futures = [_started(probe.run) for probe in probes]
    wait(futures, limit_s)
    pairs = zip(probes, futures, strict=True)
    return [finding for probe, future in pairs for finding in _findings(probe, future, limit_s)]


def _started(check: Callable[[], Sequence[Finding]]) -> Future[Sequence[Finding]]:
    future: Future[Sequence[Finding]] = Future()

    def run() -> None:
        try:
            future.set_result(check())
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the other checks continue
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def _findings(probe: Probe, future: Future[Sequence[Finding]], limit_s: float) -> Sequence[Finding]:
    if not future.done():
        return [failed(probe.check, f"no answer within {limit_s:g} s", probe.fix)]
    error = future.exception()
    if error is None:
        return future.result()
    first_line = (str(error).splitlines() or [""])[0]
    text = str(error) if isinstance(error, MlopsError) else f"{type(error).__name__}: {first_line}"
    return [failed(probe.check, text, probe.fix)]
