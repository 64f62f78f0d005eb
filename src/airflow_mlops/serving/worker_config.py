"""What the supervisor hands to a worker, as a line of JSON on standard input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from airflow_mlops.serving.settings import Settings

LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """The settings of one worker.

    ``listener``, ``admin_listener`` and ``memory`` are inherited file descriptors: of the socket that
    listens for callers, of the one for administrators (None: there is none), and of the memory that has
    ``slots`` workers' slots, ``slot`` being this one's. ``load_first``: load all versions before the first
    connection is taken, as others serve meanwhile.
    """

    settings: Settings
    listener: int
    admin_listener: int | None
    memory: int
    slots: int
    slot: int
    load_first: bool

    def dumps(self) -> bytes:
        """Return the configuration as one line."""
        return msgspec.json.encode(self, enc_hook=str) + b"\n"

    @classmethod
    def loads(cls, line: bytes) -> WorkerConfig:
        """Read what ``dumps`` returned."""
        return msgspec.json.decode(line, type=cls, dec_hook=lambda kind, value: kind(value))
