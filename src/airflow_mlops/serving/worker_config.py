"""What the supervisor tells a worker, as a line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from airflow_mlops.serving.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Order:
    """Open file descriptors, the worker's row on the board, and whether to load before it serves."""

    settings: Settings
    listener: int
    board: int
    rows: int
    index: int
    load_first: bool

    def dumps(self) -> str:
        """Return the order as one line."""
        return json.dumps(asdict(self), default=str) + "\n"

    @classmethod
    def loads(cls, line: str) -> Order:
        """Read an order."""
        data = json.loads(line)
        settings = {**data["settings"], "state_dir": Path(data["settings"]["state_dir"])}
        return cls(**{**data, "settings": Settings(**settings)})
