"""What a run has finished so far, on disk: the next one resumes there, however this one ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from airflow_mlops.core.errors import BackendError
from airflow_mlops.storage.atomic import write_json

_VERSION: Final = 1
_FILE: Final = "run.json"


@dataclass
class Journal:
    """The latest run of a pipeline in one folder.

    ``fingerprint`` identifies what the run depends on, ``tracking_uri`` is its MLflow, ``as_of`` and
    ``begun`` are ISO times, ``ended`` whether nothing is left to resume. ``done`` maps ``dag/task`` to a
    task's record or None, ``dag/task/number`` to that of one of its mapped parts.
    """

    folder: Path
    run_id: str
    fingerprint: str
    tracking_uri: str
    as_of: str
    begun: str
    ended: bool = False
    done: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Journal | None:
        """Return the journal in ``folder``; None when there is none that this release can read."""
        try:
            found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            return cls(folder=folder, **found["run"]) if found["version"] == _VERSION else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def can_resume(self, fingerprint: str, tracking_uri: str, as_of: datetime | None) -> bool:
        """Whether a run of this kind, and of this time if one is given, can resume from here."""
        asked = (fingerprint, tracking_uri, as_of or datetime.fromisoformat(self.as_of))
        return not self.ended and asked == (
            self.fingerprint,
            self.tracking_uri,
            datetime.fromisoformat(self.as_of),
        )

    def keep(self, key: str, record: Any) -> None:
        """Write down that a task is done."""
        self.done[key] = record
        self.write()

    def end(self) -> None:
        """Write down that there is nothing left to resume."""
        self.ended = True
        self.write()

    def write(self) -> None:
        """Put the journal on disk, whole or not at all; raises BackendError when that cannot be."""
        run = {key: value for key, value in asdict(self).items() if key != "folder"}
        file = self.folder / _FILE
        try:
            write_json(file, {"version": _VERSION, "run": run})
        except OSError as error:
            raise BackendError(f"cannot write {file}: {error.strerror}; check the folder's space") from error
