"""What monitoring stored, window by window, as JSON files in the artifacts folder.

``<artifacts>/<pipeline>/monitor/<model version>/<window start>/{drift,performance,triage}.json`` (for windows
that may wait for labels ``window.json`` as well) and, per model version, the reference profile. Files appear
whole (temporary name, then rename). A window that is run again overwrites its own files; of other windows
only the performance of those whose labels it finds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.core.records import DriftReport, PerformanceReport, Record, ScoredWindow, Triage
from airflow_mlops.core.utc import in_utc
from airflow_mlops.monitoring.core.triage import Reports
from airflow_mlops.storage.atomic import replacing
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage

R = TypeVar("R", bound=Record)
P = TypeVar("P")
F = TypeVar("F")

_FILES: Final[Mapping[type[Record], str]] = {
    DriftReport: "drift.json",
    PerformanceReport: "performance.json",
    Triage: "triage.json",
    ScoredWindow: "window.json",
}
_READERS: Final = 8
_STAMP: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Watched:
    """A window with its scored rows, and what is known of its quality."""

    window: ScoredWindow
    performance: PerformanceReport | None


@dataclass(frozen=True)
class StoredWindow:
    """All that is stored about one window; ``damage`` says which file cannot be read, and why."""

    start: datetime
    model_version: int
    window: ScoredWindow | None
    drift: DriftReport | None
    performance: PerformanceReport | None
    triage: Triage | None
    damage: str = ""


@dataclass(frozen=True)
class MonitorHistory:
    """The stored reports of one pipeline below ``artifacts``, a local folder or an fsspec URI."""

    artifacts: str
    name: str
    storage: Storage = PLAIN_STORAGE

    @property
    def root(self) -> str:
        """Folder of all model versions."""
        return f"{self.artifacts.rstrip('/')}/{self.name}/monitor"

    def window_folder(self, model_version: int, start: str) -> str:
        """Return the folder of one window, whose name sorts by time: ``20130401T000000Z``."""
        return f"{self.root}/{model_version}/{_stamp(start)}"

    def write(self, report: DriftReport | PerformanceReport | Triage | ScoredWindow) -> str:
        """Store a report under its window and return its address; raises BackendError."""
        uri = f"{self.window_folder(report.model_version, report.start)}/{_FILES[type(report)]}"
        _write_json(self.storage, uri, report.to_json())
        return uri

    def reports(
        self, model_version: int, *, before: str, limit: int, since: datetime | None = None
    ) -> tuple[Reports, ...]:
        """Return windows of a model version that start before ``before``, newest first.

        Those that start at ``since`` or later, and up to ``limit`` before them.
        """
        stamps = sorted(
            (s for s in self._names(f"{self.root}/{model_version}") if s < _stamp(before)), reverse=True
        )
        newer = sum(s >= _stamp(since.isoformat()) for s in stamps) if since else 0
        return _side_by_side(lambda stamp: self._reports(model_version, stamp), stamps[: newer + limit])

    def watched(self, *, before: str, since: datetime) -> tuple[Watched, ...]:
        """Return the windows of all model versions that start in ``[since, before)``, oldest first."""
        first, end = _stamp(since.isoformat()), _stamp(before)
        places = [place for place in self._windows() if first <= place[0] < end]
        return _side_by_side(lambda place: self._watched(*place), sorted(places))

    def recent(self, limit: int) -> tuple[StoredWindow, ...]:
        """Return the newest windows of all model versions, newest first; raises BackendError."""
        places = sorted((place for place in self._windows() if _is_stamp(place[0])), reverse=True)[:limit]
        return _side_by_side(lambda place: self._stored(*place), places)

    def performance(self, model_version: int, start: str) -> PerformanceReport | None:
        """Return what is stored about the quality of one window, if anything is."""
        return self._read(self.window_folder(model_version, start), PerformanceReport)

    def last_retrain(self, *, before: str, since: datetime) -> datetime | None:
        """Return the end of the last window that started a retraining, of any model version.

        Only windows that start before ``before`` count, so that a window that is run again does not see
        itself, and only those that end after ``since``.
        """
        for triage in self._triages(_stamp(before)):
            end = datetime.fromisoformat(triage.end)
            if end <= since:
                return None
            if triage.action == "retrain":
                return end
        return None

    def decisions(self, *, before: str, limit: int) -> tuple[Triage, ...]:
        """Return the last decisions about windows before ``before``, of any version, newest first."""
        places = [place for place in self._windows() if place[0] < _stamp(before)]
        newest = sorted(places, reverse=True)[:limit]
        return _side_by_side(lambda place: self._read(f"{self.root}/{place[1]}/{place[0]}", Triage), newest)

    def profile(self, model_version: int, run_id: str, fetch: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the reference profile of a version as JSON; ``fetch`` gets it the first time."""
        uri = f"{self.root}/{model_version}/profile-{run_id}.json"
        found = _read_json(self.storage, uri)
        if found is None:
            found = fetch()
            _write_json(self.storage, uri, found)
        return found

    def _triages(self, before: str) -> Iterator[Triage]:
        """Yield the stored decisions, newest window first."""
        for stamp, version in sorted(self._windows(), reverse=True):
            if stamp < before and (triage := self._read(f"{self.root}/{version}/{stamp}", Triage)):
                yield triage

    def _windows(self) -> list[tuple[str, str]]:
        """Return the time and the model version of every window that has a folder."""
        versions = [name for name in self._names(self.root) if name.isdigit()]
        return [(stamp, version) for version in versions for stamp in self._names(f"{self.root}/{version}")]

    def _stored(self, stamp: str, version: str) -> StoredWindow:
        folder = f"{self.root}/{version}/{stamp}"
        damage: list[str] = []

        def read(kind: type[R]) -> R | None:
            try:
                return self._read(folder, kind)
            except ConfigError as error:
                damage.append(str(error))
                return None

        return StoredWindow(
            start=datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC),
            model_version=int(version),
            window=read(ScoredWindow),
            drift=read(DriftReport),
            performance=read(PerformanceReport),
            triage=read(Triage),
            damage="; ".join(damage),
        )

    def _watched(self, stamp: str, version: str) -> Watched | None:
        folder = f"{self.root}/{version}/{stamp}"
        window = self._read(folder, ScoredWindow)
        return None if window is None else Watched(window, self._read(folder, PerformanceReport))

    def _reports(self, model_version: int, stamp: str) -> Reports | None:
        folder = f"{self.root}/{model_version}/{stamp}"
        triage = self._read(folder, Triage)
        drift, performance = self._read(folder, DriftReport), self._read(folder, PerformanceReport)
        known = triage or drift or performance
        if known is None:
            return None
        return Reports(
            start=known.start,
            end=known.end,
            model_version=model_version,
            drift=drift,
            performance=performance,
            blocked=triage is not None and triage.action == "block",
        )

    def _read(self, folder: str, kind: type[R]) -> R | None:
        data = _read_json(self.storage, f"{folder}/{_FILES[kind]}")
        return None if data is None else kind.from_json(data)

    def _names(self, folder: str) -> list[str]:
        """Return the names in a folder; of window folders, those that are a time (profiles are files)."""
        place = self.storage.locate(folder)
        place.fs.invalidate_cache()
        try:
            listed = place.fs.ls(place.path, detail=False)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BackendError(f"cannot list {folder}: {error}") from error
        names = [str(item).rstrip("/").rpartition("/")[2] for item in listed]
        return [name for name in names if "." not in name]


def _side_by_side(read: Callable[[P], F | None], places: Sequence[P]) -> tuple[F, ...]:
    """Return what is found at each place, in order; object storage answers many questions at once."""
    with ThreadPoolExecutor(_READERS) as readers:
        return tuple(found for found in readers.map(read, places) if found is not None)


def _stamp(time: str) -> str:
    return in_utc(datetime.fromisoformat(time)).strftime(_STAMP)


def _is_stamp(name: str) -> bool:
    try:
        return bool(datetime.strptime(name, _STAMP))
    except ValueError:
        return False


def _read_json(storage: Storage, uri: str) -> dict[str, Any] | None:
    place = storage.locate(uri)
    try:
        found: dict[str, Any] = json.loads(place.fs.cat_file(place.path))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigError(f"{uri} is not JSON ({error}): delete it and run its window again") from error
    except OSError as error:
        raise BackendError(f"cannot read {uri}: {error}") from error
    return found


def _write_json(storage: Storage, uri: str, data: Mapping[str, Any]) -> None:
    place = storage.locate(uri)
    try:
        with replacing(place.fs, place.path) as file:
            file.write(json.dumps(data, indent=1, sort_keys=True).encode())
    except OSError as error:
        raise BackendError(f"cannot write {uri}: {error}; check the folder's rights and space") from error
