"""Runs checks of the outside world side by side, none of them longer than a limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_mlops.cli.doctor.finding import Finding, failed
from airflow_mlops.core.errors import MlopsError

LIMIT_S: Final = 3.0


@dataclass(frozen=True)
class Probe:
    """One check of the outside world; ``fix`` is what to do when it does not end in time."""

    check: str
    look: Callable[[], Sequence[Finding]]
    fix: str


def side_by_side(probes: Sequence[Probe], limit_s: float = LIMIT_S) -> list[Finding]:
    """Return the findings in the order of the probes; one that takes longer than ``limit_s`` is failed.

    A probe that hangs keeps its thread, which ends with the process.
    """
    found: dict[int, Sequence[Finding]] = {}

    def look(number: int, probe: Probe) -> None:
        try:
            found[number] = probe.look()
        except MlopsError as error:
            found[number] = [failed(probe.check, str(error), probe.fix)]
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the other checks go on
            first = (str(error).splitlines() or [""])[0]
            found[number] = [failed(probe.check, f"{type(error).__name__}: {first}", probe.fix)]

    threads = [
        threading.Thread(target=look, args=(number, probe), daemon=True)
        for number, probe in enumerate(probes)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    ended = dict(found)
    return [
        finding
        for number, probe in enumerate(probes)
        for finding in ended.get(number, [failed(probe.check, f"no answer within {limit_s:g} s", probe.fix)])
    ]
