"""One call of ``airflow-mlops run``: from its arguments to its exit code."""

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
from airflow_mlops.core.utc import parse_time
from airflow_mlops.data.connections import Connections
from airflow_mlops.local_run import executor
from airflow_mlops.local_run.context import RunContext
from airflow_mlops.local_run.journal import Journal
from airflow_mlops.local_run.local_canary import LocalRollouts
from airflow_mlops.local_run.outcome import Outcome, RunEnd, run_end
from airflow_mlops.local_run.paths import RunPaths
from airflow_mlops.local_run.reporter import Reporter
from airflow_mlops.local_run.selection import Selection, check_until, select
from airflow_mlops.local_run.signals import Signals

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Call:
    """The arguments of the command line; see its help."""

    path: str | None = None
    profile: str | None = None
    until: str | None = None
    yes: bool = False
    as_of: str | None = None
    restart: bool = False
    verbose: bool = False


def run(call: Call, reporter: Reporter, connections: Connections) -> int:
    """Run a pipeline as far as it goes, report it, and return the exit code."""
    try:
        end = _locked_run(call, reporter, connections)
    except (MlopsError, KeyboardInterrupt) as error:
        end = run_end(error)
    reporter.end(end)
    return end.code


def _locked_run(call: Call, reporter: Reporter, connections: Connections) -> RunEnd:
    at = parse_time(call.as_of, "--as-of") if call.as_of else None
    selection = select(call.path, call.profile or os.environ.get(PROFILE) or None)
    check_until(selection.pipeline, call.until)
    paths = RunPaths.of(selection.pipeline.name, Path.cwd(), os.environ)
    signals = Signals()
    with signals.listening(), paths.alone():
        journal, resumed = _journal(selection, paths, at, restart=call.restart)
        with _logged(paths.log, fresh=not resumed, verbose=call.verbose):
            reporter.start(_facts(selection, paths, journal, resumed=resumed))
            rollouts = LocalRollouts(
                paths,
                lambda: context.callers(),
                reporter.note,
                lambda: "refit" in context.results,
            )
            context = RunContext(
                selection=selection,
                paths=paths,
                journal=journal,
                reporter=reporter,
                signals=signals,
                connections=connections,
                rollouts=rollouts,
                yes=call.yes,
            )
            return _run_end(call, context)


def _run_end(call: Call, context: RunContext) -> RunEnd:
    """Run the tasks; returns how the run ended, with what to do next."""
    try:
        _LOG.info("run %s of %s", context.journal.run_id, context.selection.file)
        with context.rollouts:
            waits = executor.run(context, call.until)
        end = RunEnd(Outcome.WAITING, waits) if waits else _done(call, context)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - user code and libraries may raise anything
        _LOG.info("the run ended early", exc_info=error)
        end = run_end(context.signals.heard or error)
    if not end.outcome.resumable:
        context.journal.end()
    return replace(end, hints=_hints(call, context, end))


def _journal(
    selection: Selection, paths: RunPaths, at: datetime | None, *, restart: bool
) -> tuple[Journal, bool]:
    """Return the journal of this run, and whether it resumes an earlier one."""
    fingerprint, now = selection.fingerprint, datetime.now(UTC)
    latest = Journal.read(paths.own)
    if latest is not None and not restart and latest.can_resume(fingerprint, paths.tracking_uri, at):
        return latest, True
    if latest is not None and not latest.ended:
        _abandon(latest, paths.name)
    begun = now.isoformat(timespec="milliseconds")
    journal = Journal(
        folder=paths.own,
        run_id=f"laptop__{begun}",
        fingerprint=fingerprint,
        tracking_uri=paths.tracking_uri,
        as_of=(at or now).isoformat(),
        begun=begun,
    )
    journal.write()
    return journal, False


def _abandon(left: Journal, name: str) -> None:
    """Close the MLflow runs of a run that nobody resumes; they would look as if they still ran."""
    from airflow_mlops.training.tracking import abandon

    try:
        abandon(left.tracking_uri, name, f"{name}__train/{left.run_id}/")
    except (
        MlopsError
    ) as error:  # its MLflow may be gone for good, which must not keep a new run from starting
        _LOG.warning("the MLflow runs of %s stay open: %s", left.run_id, error)


def _facts(selection: Selection, paths: RunPaths, journal: Journal, *, resumed: bool) -> dict[str, str]:
    as_of = datetime.fromisoformat(journal.as_of).astimezone(UTC)
    summary = f"as of {as_of:%Y-%m-%d %H:%M} UTC"
    if resumed:
        summary += f", resuming the run begun {_aged(journal.begun, datetime.now(UTC))}"
    return {
        "pipeline": selection.pipeline.name,
        "file": str(selection.file),
        **({"profile": selection.profile} if selection.profile else {}),
        "summary": summary,
        "run_id": journal.run_id,
        "as_of": journal.as_of,
        "tracking_uri": shown(paths.tracking_uri),
        "artifacts": str(paths.artifacts),
        "log": str(paths.log),
    }


def _done(call: Call, context: RunContext) -> RunEnd:
    name, results = context.pipeline.name, context.results
    if call.until:
        return RunEnd(Outcome.DONE, f"{name} has run until {call.until}, as requested")
    version = results["register"]["model_version"]
    if "finalize" in context.skipped:
        return RunEnd(
            Outcome.DONE, f"Version {version} of {name} was not deployed: {context.skipped['finalize']}."
        )
    if "finalize" in results or results["register"]["alias"] == "champion":
        return RunEnd(Outcome.DONE, f"Version {version} of {name} is the champion.")
    return RunEnd(Outcome.DONE, f"Version {version} of {name} waits as challenger.")


def _hints(call: Call, context: RunContext, end: RunEnd) -> tuple[str, ...]:
    """Return what to do next; nothing after a rejection or a fault, whose message has it."""
    words = ["airflow-mlops", "run", str(context.selection.file)]
    words += ["--profile", context.selection.profile] if context.selection.profile else []
    words += ["--as-of", call.as_of] if call.as_of else []
    words += ["--until", call.until] if call.until else []
    command = shlex.join(words)
    if end.outcome is Outcome.WAITING:
        restart = f"Or start again: {command} --restart"
        if _may_approve(context):
            return (f"Approve and resume: {command} --yes", restart)
        alone = f"{{by: [{context.user}], needs: 1, author: allow}}"
        profile = f"profiles: {{local: {{approve: {alone}}}}}"
        other = f"Another person resumes the run in this folder: {command} --yes"
        own = f"To approve alone on this machine, add a profile ({profile}) and run with --profile."
        return (other, own, restart)
    if end.outcome.resumable:
        return (f"Resume: {command}", f"Log: {_near(context.paths.log)}")
    if end.outcome is Outcome.DONE and not call.until:
        uri = context.paths.tracking_uri
        if uri.startswith("sqlite:"):
            return (
                f"Open it in MLflow: mlflow server --backend-store-uri {shlex.quote(uri)} --host 127.0.0.1",
            )
    return ()


def _may_approve(context: RunContext) -> bool:
    """Whether the person at this machine may answer what the run waits for."""
    return context.waits_for is None or context.user in context.waits_for.by


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
