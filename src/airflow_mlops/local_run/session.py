"""One call of ``airflow-mlops run``: from its words to its exit code."""

from __future__ import annotations

import logging
import os
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_mlops.config.environment import PROFILE
from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import MlopsError
from airflow_mlops.local_run import executor as course
from airflow_mlops.local_run.context import Scene
from airflow_mlops.local_run.journal import Journal
from airflow_mlops.local_run.outcome import Ending, Outcome, ending_of
from airflow_mlops.local_run.paths import Place
from airflow_mlops.local_run.reporter import Show
from airflow_mlops.local_run.selection import Choice, check_until, choose
from airflow_mlops.local_run.signals import Interruption
from airflow_mlops.local_run.templates import moment

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Call:
    """What the command line says; see its help."""

    path: str | None = None
    profile: str | None = None
    until: str | None = None
    yes: bool = False
    as_of: str | None = None
    restart: bool = False
    verbose: bool = False


def run(call: Call, show: Show) -> int:
    """Run a pipeline as far as it goes, tell it, and return the exit code."""
    try:
        ending = _guarded(call, show)
    except (MlopsError, KeyboardInterrupt) as error:
        ending = ending_of(error)
    show.closing(ending)
    return ending.code


def _guarded(call: Call, show: Show) -> Ending:
    at = moment(call.as_of) if call.as_of else None
    choice = choose(call.path, call.profile or os.environ.get(PROFILE) or None)
    check_until(choice.pipeline, call.until)
    place = Place.of(choice.pipeline.name, Path.cwd(), os.environ)
    interruption = Interruption()
    with interruption.listening(), place.alone():
        journal, goes_on = _journal(choice, place, at, restart=call.restart)
        with _logged(place.log, fresh=not goes_on, verbose=call.verbose):
            show.opening(_facts(choice, place, journal, goes_on=goes_on))
            return _ended(call, Scene(choice, place, journal, show, interruption, call.yes))


def _ended(call: Call, scene: Scene) -> Ending:
    """Run the tasks; returns how it ended, with what to do next."""
    try:
        _LOG.info("run %s of %s", scene.journal.run_id, scene.choice.file)
        waits = course.run(scene, call.until)
        ending = Ending(Outcome.WAITING, waits) if waits else _done(call, scene)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - user code and libraries: anything may come
        _LOG.info("the run ended early", exc_info=error)
        ending = ending_of(scene.interruption.heard or error)
    if not ending.outcome.goes_on:
        scene.journal.end()
    return replace(ending, hints=_hints(call, scene, ending))


def _journal(choice: Choice, place: Place, at: datetime | None, *, restart: bool) -> tuple[Journal, bool]:
    """Return the journal of this run, and whether it goes on with an earlier one."""
    fingerprint, now = choice.fingerprint, datetime.now(UTC)
    latest = Journal.read(place.own)
    if latest is not None and not restart and latest.goes_on(fingerprint, place.tracking_uri, at):
        return latest, True
    if latest is not None and not latest.ended:
        _abandon(latest, place.name)
    begun = now.isoformat(timespec="milliseconds")
    journal = Journal(
        folder=place.own,
        run_id=f"laptop__{begun}",
        fingerprint=fingerprint,
        tracking_uri=place.tracking_uri,
        as_of=(at or now).isoformat(),
        begun=begun,
    )
    journal.write()
    return journal, False


def _abandon(left: Journal, name: str) -> None:
    """Close the MLflow runs of a run that nobody goes on with; they would look as if they still ran."""
    from airflow_mlops.training.tracking import abandon

    try:
        abandon(left.tracking_uri, name, f"{name}__train/{left.run_id}/")
    except MlopsError as error:  # its MLflow may be gone for good, which is no reason not to begin anew
        _LOG.warning("the MLflow runs of %s stay open: %s", left.run_id, error)


def _facts(choice: Choice, place: Place, journal: Journal, *, goes_on: bool) -> dict[str, str]:
    as_of = datetime.fromisoformat(journal.as_of).astimezone(UTC)
    told = f"as of {as_of:%Y-%m-%d %H:%M} UTC"
    if goes_on:
        told += f", going on with the run begun {_aged(journal.begun, datetime.now(UTC))}"
    return {
        "pipeline": choice.pipeline.name,
        "file": str(choice.file),
        **({"profile": choice.profile} if choice.profile else {}),
        "told": told,
        "run_id": journal.run_id,
        "as_of": journal.as_of,
        "tracking_uri": shown(place.tracking_uri),
        "artifacts": str(place.artifacts),
        "log": str(place.log),
    }


def _done(call: Call, scene: Scene) -> Ending:
    name, results = scene.pipeline.name, scene.results
    if call.until:
        return Ending(Outcome.DONE, f"{name} has run until {call.until}, as asked")
    version = results["register"]["model_version"]
    if "finalize" in results or results["register"]["alias"] == "champion":
        return Ending(Outcome.DONE, f"Version {version} of {name} is the champion.")
    return Ending(Outcome.DONE, f"Version {version} of {name} waits as challenger.")


def _hints(call: Call, scene: Scene, ending: Ending) -> tuple[str, ...]:
    """Return what to do next; nothing after a refusal or a fault, whose message says it."""
    words = ["airflow-mlops", "run", str(scene.choice.file)]
    words += ["--profile", scene.choice.profile] if scene.choice.profile else []
    words += ["--as-of", call.as_of] if call.as_of else []
    words += ["--until", call.until] if call.until else []
    command = shlex.join(words)
    if ending.outcome is Outcome.WAITING:
        return (f"Say it, and go on from there: {command} --yes", f"Or begin anew: {command} --restart")
    if ending.outcome.goes_on:
        return (f"Go on from there: {command}", f"Log: {_near(scene.place.log)}")
    if ending.outcome is Outcome.DONE and not call.until:
        uri = scene.place.tracking_uri
        if not uri.startswith("sqlite:"):
            return ()
        return (f"Look at it: mlflow server --backend-store-uri {shlex.quote(uri)} --host 127.0.0.1",)
    return ()


def _near(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _aged(begun: str, now: datetime) -> str:
    """Return how long ago a run began, such as ``3 h 10 min ago``."""
    minutes = (now - datetime.fromisoformat(begun)) // timedelta(minutes=1)
    if minutes < 1:
        return "just now"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min ago" if hours else f"{minutes} min ago"


@contextmanager
def _logged(file: Path, *, fresh: bool, verbose: bool) -> Iterator[None]:
    """Send logs and warnings to a file, and with ``verbose`` to standard error; never among the lines."""
    os.environ.setdefault(
        "MLFLOW_CONFIGURE_LOGGING", "false"
    )  # else MLflow writes to standard error by itself
    handlers: list[logging.Handler] = [
        logging.FileHandler(file, mode="w" if fresh else "a", encoding="utf-8")
    ]
    if verbose:
        handlers.append(logging.StreamHandler())
    root, form = logging.getLogger(), logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    before, level = root.handlers[:], root.level
    for handler in handlers:
        handler.setFormatter(form)
    root.handlers = handlers
    root.setLevel(logging.INFO)
    with warnings.catch_warnings():
        logging.captureWarnings(True)
        try:
            yield
        finally:
            logging.captureWarnings(False)
            root.handlers, root.level = before, level
            handlers[0].close()
