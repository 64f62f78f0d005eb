"""What follows from the death of a worker process. Pure."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_mlops.serving.document import Document
from airflow_mlops.serving.traffic import Traffic

# Deaths from outside: a person, the system that is out of memory. Only a series of them counts.
_OUTSIDE: Final = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)
_SERIES: Final = 3


@dataclass(frozen=True)
class Crash:
    """A worker that died: when (steady seconds), its exit code, and what it was ``busy`` with.

    ``busy`` maps versions whose code ran to the requests that waited for them (0: it was being loaded).
    """

    at: float
    code: int
    busy: Mapping[int, int]

    @property
    def how(self) -> str:
        """How the worker died, in words.

        >>> Crash(0.0, -9, {}).how, Crash(0.0, 7, {}).how
        ('was killed by SIGKILL', 'ended by itself with exit code 7')
        """
        if self.code < 0:
            return f"was killed by {signal.Signals(-self.code).name}"
        return f"ended by itself with exit code {self.code}"


def apply_crash(
    crash: Crash, document: Document, recent: Sequence[Crash], now: float
) -> tuple[Document, Counter[tuple[int, int, str]]]:
    """Return the state after a crash, and the events to count for it by (epoch, version, event).

    The requests that waited count as failures of their version. A canary whose code ran loses its traffic and
    is not run again. When both versions ran, the canary is held responsible; a process that was killed from
    outside counts against no version unless it is the third within a minute (``recent`` has them all). A
    champion keeps its traffic, as no other version could take its place. ``now`` in epoch seconds.
    """
    counts: Counter[tuple[int, int, str]] = Counter()
    suspects = [version for version in crash.busy if version != document.traffic.champion]
    if crash.code in _OUTSIDE:
        series = sum(set(crash.busy) & set(other.busy) != set() for other in recent)
        suspects = suspects if series >= _SERIES else []
    for version in suspects or ([] if crash.code in _OUTSIDE else list(crash.busy)):
        requests = crash.busy[version]
        if requests and _has_share(document.traffic, version):
            counts[document.traffic.epoch, version, "requests"] += requests
            counts[document.traffic.epoch, version, "failures"] += requests
    for version in suspects:
        doing = "predicted" if crash.busy[version] else "was loaded"
        document = document.quarantine_version(version, f"the process {crash.how} while it {doing}", now)
    return document, counts


def _has_share(traffic: Traffic, version: int) -> bool:
    return version in (traffic.champion, traffic.shadow) or bool(traffic.weights.get(version))
