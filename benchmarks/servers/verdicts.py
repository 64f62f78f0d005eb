"""What the lines of an endurance run say about memory and log. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean

BOUND = 1.05
"""Memory, and the state folder of a full log, may grow by five percent."""
SURPLUS = 1.1
"""Rows of a log may be pruned in portions."""
LEAST_LINES = 7
"""With which memory can be judged."""
LONGEST_LINE_S = 60.0
"""Each line renews the canary's lease, which lasts two minutes."""


@dataclass(frozen=True)
class Line:
    """What one line shows: ``megabytes``, ``asking`` (MLflow) and ``disk`` in MB, ``log_rows`` of one log."""

    seconds: float
    requests: int
    labels: int
    failed: int
    megabytes: float
    asking: float
    disk: float
    log_rows: int


def seconds_of_a_line(minutes: float) -> float:
    """Return the seconds of a line that give a run of so many minutes lines enough to judge memory."""
    return min(LONGEST_LINE_S, 60 * minutes / (LEAST_LINES + 1))


def judge_memory(lines: list[Line]) -> str:
    """Compare the last two lines with lines 3 to 5."""
    if len(lines) < LEAST_LINES:
        return f"memory: cannot be judged, {len(lines)} of at least {LEAST_LINES} lines"
    early, late = mean(line.megabytes for line in lines[2:5]), mean(line.megabytes for line in lines[-2:])
    said = "flat" if late <= BOUND * early else "GROWS"
    return f"memory: {said}, {late:.1f} MB at the end, {late / early:.3f} of lines 3 to 5 (target <= {BOUND})"


def judge_log(lines: list[Line], bound: int) -> str:
    """Say whether the log keeps its bound, and whether the state folders stop growing when it is reached."""
    rows = max(line.log_rows for line in lines)
    full = [line for line in lines if line.log_rows >= 0.98 * bound]
    if rows > SURPLUS * bound:
        return f"log: NOT BOUNDED, {rows:,} rows in one log (bound {bound:,})"
    if len(full) < 4:
        return (
            f"log: cannot be judged, {rows:,} rows in one log are below its bound of {bound:,} or just there"
        )
    growth = full[-1].disk / max(line.disk for line in full[:3])  # its journal grows first
    said = "bounded" if growth <= BOUND else "ROWS BOUNDED, BUT THE FOLDER GROWS"
    return (
        f"log: {said}, at most {rows:,} rows in one log (bound {bound:,}); the state folders have "
        f"{growth:.3f} of their size when it was first full (target <= {BOUND})"
    )
