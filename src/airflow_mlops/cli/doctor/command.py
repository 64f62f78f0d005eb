"""The command ``doctor``: which checks, in which order, and how it ends."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from airflow_mlops.cli.doctor.finding import (
    Finding,
    Status,
    as_json,
    as_text,
    failed,
    not_needed,
    ok,
    warning,
    without_secrets,
    worst,
)
from airflow_mlops.cli.doctor.loaders import check_loaded, check_loaders, loaders
from airflow_mlops.cli.doctor.needs import DATABASE, MLFLOW, ROLLOUTS, SERVER, needs
from airflow_mlops.cli.doctor.side_by_side import Probe, side_by_side
from airflow_mlops.cli.doctor.versions import versions
from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.loader import load_pipeline, pipeline_files, tree_root
from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.rollout import targets

if TYPE_CHECKING:
    from airflow_mlops.cli.doctor.installation import Installation
    from airflow_mlops.cli.doctor.lookup import Looked, Place
    from airflow_mlops.config.models import Pipeline

_PROFILE: Final = "AIRFLOW_MLOPS_PROFILE"
_SYSTEM: Final = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
_SCRATCH: Final = Path(tempfile.gettempdir())
_PASSWORDS: Final = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AIRFLOW_MLOPS_SERVING_TOKEN")

Files = list[tuple[Path, Path]]


def doctor(arguments: argparse.Namespace) -> int:
    """Check this installation and some pipelines.

    Returns 0 when all is fine or there are only warnings, 1 when a check failed, 2 when there is no such
    file or folder, or no pipeline file in it.
    """
    files: Files | None = None
    if arguments.path is not None:
        place = Path(arguments.path)
        if not place.exists():
            print(f"error: {place}: no such file or folder", file=sys.stderr)
            return 2
        files = _files(place)
        if not files:
            print(f"error: no pipeline file in {place}", file=sys.stderr)
            return 2
    with _quiet():
        findings = examine(files, arguments.profile or os.environ.get(_PROFILE) or None)
    print(as_json(findings) if arguments.format == "json" else as_text(findings))
    return 1 if worst(findings) is Status.FAILED else 0


def examine(files: Files | None, profile: str | None) -> list[Finding]:
    """Return what all checks found; without ``files`` those that the DAG files load are looked at."""
    findings = versions()
    installation, found = _airflow()
    findings += found
    secrets = [os.environ.get(name, "") for name in _PASSWORDS]
    known = [loader for folder in installation.folders for loader in loaders(folder)] if installation else []
    if installation:
        secrets.append(_password(installation.database))
        findings += check_loaders(installation.folders, known, installation.is_dag_file)
        findings += [
            warning("dags folder", f"bundle {name} is not a local folder: not looked at", "airflow dags list")
            for name in installation.remote
        ]
    if files is None:
        folders = {loader.folder for loader in known if loader.folder and loader.folder.is_dir()}
        files = [pair for folder in sorted(folders or {Path("pipelines")}) for pair in _files(folder)]
    findings += check_loaded([file for file, _ in files], known)
    findings += _lint(files, profile)
    pipelines = list(_pipelines(files, profile))
    if installation:
        initialised = not any(
            item.check == "airflow database" and item.status is Status.FAILED for item in findings
        )
        found, more = _outside(installation, pipelines, initialised=initialised)
        findings += found
        secrets += more
    findings += _programs(pipelines)
    return without_secrets(findings, secrets)


def _airflow() -> tuple[Installation | None, list[Finding]]:
    from airflow_mlops.cli.doctor.installation import check_database, check_provider, read_installation
    from airflow_mlops.cli.doctor.storage import check_parse_cache

    try:
        installation = read_installation()
    except BackendError as error:
        return None, [failed("airflow", str(error), "pip install 'apache-airflow>=3.3'")]
    look = partial(check_database, installation.database, installation.revision)
    probe = Probe("airflow database", lambda: [look()], "airflow db check")
    cache = check_parse_cache(installation.parse_cache)
    return installation, [check_provider(), *side_by_side([probe]), cache]


def _files(place: Path) -> Files:
    found = pipeline_files(place) if place.is_dir() else [place] if place.exists() else []
    return [(file, tree_root(file, place if place.is_dir() else None)) for file in found]


def _lint(files: Files, profile: str | None) -> Iterator[Finding]:
    if not files:
        yield not_needed("pipelines", "there is no pipeline file", "airflow-mlops init")
    faults = lint_files(files, profile=profile)
    for name in dict.fromkeys([*(str(file) for file, _ in files), *(fault.file for fault in faults)]):
        own = [fault for fault in faults if fault.file == name and fault.level != "note"]
        wrong = [fault for fault in own if fault.level == "error"]
        check, fix = f"pipeline {Path(name).name}", f"airflow-mlops lint {name}"
        if wrong:
            yield failed(check, f"{len(wrong)} fault{'s' * (len(wrong) != 1)}: {wrong[0]}", fix)
        elif own:
            yield warning(check, f"{len(own)} warning{'s' * (len(own) != 1)}: {own[0]}", fix)
        else:
            yield ok(check, f"{name} has no fault")


def _pipelines(files: Files, profile: str | None) -> Iterator[Pipeline]:
    for file, root in files:
        try:
            yield load_pipeline(file, profile, root=root)
        except ConfigError:
            continue  # told by the check of the file


def _outside(
    installation: Installation, pipelines: Sequence[Pipeline], *, initialised: bool
) -> tuple[list[Finding], list[str]]:
    """Look connections up, then call every server and storage side by side."""
    from airflow_mlops.cli.doctor.lookup import look_up

    looked = look_up(needs(pipelines, installation.artifacts, installation.rollouts), initialised=initialised)
    places = [item.place for item in looked if item.place]
    findings = [item.finding for item in looked]
    findings += side_by_side([*map(_probe, places), *_storage(installation)])
    if not any(pipeline.deploy for pipeline in pipelines):
        findings.append(not_needed("model server", "no pipeline here has a `deploy` section"))
    return findings, [*_secrets(looked), *(_password(place.url) for place in places)]


def _probe(place: Place) -> Probe:
    from airflow_mlops.cli.doctor import servers, storage

    fix = f"is {place.url} right, and is it up?"
    if place.need.purpose == ROLLOUTS:
        fix = f"airflow connections get {place.need.conn_id}"
        return Probe("rollouts", partial(storage.check_rollout_database, place.url, place.password), fix)
    look = {
        MLFLOW: servers.look_at_mlflow,
        SERVER: servers.look_at_target,
        DATABASE: servers.look_at_database,
    }[place.need.purpose]
    return Probe(f"{place.need.purpose} {place.need.conn_id}", partial(look, place), fix)


def _storage(installation: Installation) -> Iterator[Probe]:
    from airflow_mlops.cli.doctor import storage

    places = [_SCRATCH]
    for name, value, look_at_file, look_at_uri in (
        ("artifacts", installation.artifacts, storage.check_artifacts, storage.check_remote_artifacts),
        ("rollouts", installation.rollouts, storage.check_rollouts, _rollouts_by_url),
    ):
        fix = f"correct [mlops] {name} in airflow.cfg, or AIRFLOW__MLOPS__{name.upper()}"
        file = value.removeprefix("sqlite:///") if name == "rollouts" else value
        if "://" in file:
            yield Probe(name, partial(look_at_uri, value), fix)
        else:
            place = Path(file).expanduser().resolve()
            places.append(place)
            look = partial(look_at_file, one_machine=installation.one_machine, executor=installation.executor)
            yield Probe(name, partial(look, place), fix)
    yield Probe("disk", lambda: list(storage.check_space(places)), "df -h")


def _rollouts_by_url(setting: str) -> list[Finding]:
    """Look at a database by its URL; one by a connection is looked at where connections are."""
    from airflow_mlops.cli.doctor.storage import check_rollout_database
    from airflow_mlops.hooks.rollouts import SCHEME, place_of

    place = place_of(setting)
    return [] if place.startswith(SCHEME) else check_rollout_database(place)


def _programs(pipelines: Iterable[Pipeline]) -> Iterator[Finding]:
    used = {pipeline.deploy.target for pipeline in pipelines if pipeline.deploy}
    for target in targets.names():
        program = targets.facts(target).program
        if not program:
            continue
        path = shutil.which(program) or shutil.which(program, path=_SYSTEM)
        if target not in used:
            yield not_needed(program, f"no pipeline here deploys to {target}")
        elif path:
            yield ok(program, path)
        else:
            text = f"{program} is not on this machine: fine when it runs elsewhere"
            yield warning(program, text, f"apt-get install {program}")


def _secrets(looked: Iterable[Looked]) -> list[str]:
    return [secret for item in looked for secret in item.secrets]


def _password(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing but the findings is printed: neither Airflow's log nor a warning about its settings."""
    logging.disable(logging.CRITICAL)
    nowhere = StringIO()  # Airflow's own loggers do not ask `logging` whether they may
    try:
        with warnings.catch_warnings(action="ignore"), redirect_stdout(nowhere), redirect_stderr(nowhere):
            yield
    finally:
        logging.disable(logging.NOTSET)
