"""Canary traffic that a server was granted, as an empty file beside its state.

A full disk takes no new state, but lets a file go. So traffic that was taken away while nothing could be
stored stays away when the server starts again from the older state that is on the disk: its grant is gone.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

_PREFIX: Final = "canary-traffic-"


def grant(folder: Path, epoch: int) -> None:
    """Note that canaries have traffic since ``epoch``; raises OSError."""
    (folder / f"{_PREFIX}{epoch}").touch()


def granted(folder: Path, epoch: int) -> bool:
    """Return whether canaries may have the traffic of ``epoch``."""
    return (folder / f"{_PREFIX}{epoch}").exists()


def revoke(folder: Path, but: int | None = None) -> None:
    """Take back all grants, ``but`` that of an epoch."""
    for file in folder.glob(f"{_PREFIX}*"):
        if file.name != f"{_PREFIX}{but}":
            with contextlib.suppress(OSError):
                file.unlink()
