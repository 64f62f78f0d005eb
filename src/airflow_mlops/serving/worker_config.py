"""What the supervisor hands to a worker, as a line of JSON on standard input."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from airflow_mlops.serving.settings import Settings

LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """The settings of one worker.

    ``listener`` and ``memory`` are inherited file descriptors: of the listening socket and of the memory that
    has ``slots`` workers' slots, ``slot`` being this one's. ``load_first``: load all versions before the
    first connection is taken, as others serve meanwhile.
    """

    settings: Settings
    listener: int
    memory: int
    slots: int
    slot: int
    load_first: bool

    def dumps(self) -> bytes:
        """Return the configuration as one line."""
        return json.dumps(asdict(self), default=str).encode() + b"\n"

    @classmethod
    def loads(cls, line: bytes) -> WorkerConfig:
        """Read what ``dumps`` returned."""
        data = json.loads(line)
        settings = {**data["settings"], "state_dir": Path(data["settings"]["state_dir"])}
        return cls(**{**data, "settings": Settings(**settings)})
