"""The command ``doctor``: its checks and their order."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from airflow_mlops.cli.doctor import storage
from airflow_mlops.cli.doctor.approvers import check_approvers
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
from airflow_mlops.cli.doctor.installation import (
    Installation,
    check_database,
    check_provider,
    read_installation,
)
from airflow_mlops.cli.doctor.loaders import Loader, check_loaded, check_loaders, loaders
from airflow_mlops.cli.doctor.lookup import look_up
from airflow_mlops.cli.doctor.needs import needs
from airflow_mlops.cli.doctor.probes import Probe, run_probes
from airflow_mlops.cli.doctor.servers import probe
from airflow_mlops.cli.doctor.versions import versions
from airflow_mlops.cli.pipeline_paths import PipelinePath, existing_pipeline_paths, pipeline_paths
from airflow_mlops.cli.terminal import counted
from airflow_mlops.config.environment import PROFILE
from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.rollout import targets

_SYSTEM: Final = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
_SCRATCH: Final = Path(tempfile.gettempdir())
_PASSWORDS: Final = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "AIRFLOW_MLOPS_SERVING_TOKEN",
    "AIRFLOW_MLOPS_LABEL_TOKEN",
    "AIRFLOW_MLOPS_ADMIN_TOKEN",
)


def doctor(arguments: argparse.Namespace) -> int:
    """Check this installation and some pipelines; returns 1 when a check failed, else 0."""
    files = existing_pipeline_paths(Path(arguments.path)) if arguments.path else None
    with _quiet():
        findings = examine(files, arguments.profile or os.environ.get(PROFILE) or None)
    print(as_json(findings) if arguments.format == "json" else as_text(findings))
    return 1 if worst(findings) is Status.FAILED else 0


def examine(files: Sequence[PipelinePath] | None, profile: str | None) -> list[Finding]:
    """Return the findings of all checks; ``files`` are by default those that the DAG files load."""
    findings = versions()
    installation, found = _airflow()
    findings += found
    secrets = [os.environ.get(name, "") for name in _PASSWORDS]
    known: list[Loader] = []
    if installation:
        known = [loader for folder in installation.folders for loader in loaders(folder)]
        secrets.append(_password(installation.database))
        findings += check_loaders(installation.folders, known, installation.is_dag_file)
        for name in installation.remote:
            text = f"bundle {name} is not a local folder and is not checked"
            findings.append(warning("dags folder", text, "airflow dags list"))
    if files is None:
        loaded = {loader.folder for loader in known if loader.folder and loader.folder.is_dir()}
        folders = sorted(loaded) or [folder for folder in (Path("pipelines"),) if folder.is_dir()]
        files = [path for folder in folders for path in pipeline_paths(folder)]
    findings += check_loaded([path.file for path in files], known)
    findings += _lint(files, profile)
    pipelines = list(_pipelines(files, profile))
    if installation:
        database = next(item for item in findings if item.check == "airflow database")
        found, more = _external(installation, pipelines, initialised=database.status is not Status.FAILED)
        findings += found
        secrets += more
        findings += _approvers(installation, pipelines)
    findings += _programs(pipelines)
    return without_secrets(findings, secrets)


def _airflow() -> tuple[Installation | None, list[Finding]]:
    try:
        installation = read_installation()
    except BackendError as error:
        return None, [failed("airflow", str(error), "pip install 'apache-airflow>=3.3'")]
    look = partial(check_database, installation.database, installation.revision)
    database = Probe("airflow database", lambda: [look()], "airflow db check")
    cache = storage.check_parse_cache(installation.parse_cache)
    return installation, [check_provider(), *run_probes([database]), cache]


def _lint(files: Sequence[PipelinePath], profile: str | None) -> Iterator[Finding]:
    if not files:
        yield not_needed("pipelines", "there is no pipeline file", "airflow-mlops init")
    faults = [fault for fault in lint_files(files, profile=profile) if fault.level != "note"]
    for name in dict.fromkeys([*(str(path.file) for path in files), *(fault.file for fault in faults)]):
        own = [fault for fault in faults if fault.file == name]
        wrong = [fault for fault in own if fault.level == "error"]
        check, fix = f"pipeline {Path(name).name}", f"airflow-mlops lint {name}"
        if wrong:
            yield failed(check, f"{counted(len(wrong), 'fault')}: {wrong[0]}", fix)
        elif own:
            yield warning(check, f"{counted(len(own), 'warning')}: {own[0]}", fix)
        else:
            yield ok(check, f"{name} has no fault")


def _pipelines(files: Iterable[PipelinePath], profile: str | None) -> Iterator[Pipeline]:
    for path in files:
        with suppress(ConfigError):  # reported by the check of the file
            yield path.load(profile)


def _external(
    installation: Installation, pipelines: Sequence[Pipeline], *, initialised: bool
) -> tuple[list[Finding], list[str]]:
    """Look up the connections, then call every server and storage concurrently; returns secrets as well."""
    looked = look_up(needs(pipelines, installation.artifacts, installation.rollouts), initialised=initialised)
    places = [item.place for item in looked if item.place]
    findings = [item.finding for item in looked]
    findings += run_probes([*map(probe, places), *_storage(installation)])
    if not any(pipeline.deploy for pipeline in pipelines):
        findings.append(not_needed("model server", "no pipeline here has a `deploy` section"))
    secrets = [secret for item in looked for secret in item.secrets]
    return findings, [*secrets, *(_password(place.url) for place in places)]


def _approvers(installation: Installation, pipelines: Sequence[Pipeline]) -> list[Finding]:
    """Compare the people who may approve with Airflow's users."""
    look = partial(check_approvers, pipelines, installation.users, installation.database)
    return run_probes([Probe("approvers", lambda: list(look()), "airflow db check")])


def _storage(installation: Installation) -> Iterator[Probe]:
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
    """Check a database given by its URL; one given by a connection is checked with the connections."""
    from airflow_mlops.rollout.access import SCHEME, checked_place

    place = checked_place(setting)
    return [] if place.startswith(SCHEME) else storage.check_rollout_database(place)


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
            text = f"{program} is not installed on this machine; it may run on another one"
            yield warning(program, text, f"apt-get install {program}")


def _password(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Print nothing but the findings: neither Airflow's log nor a warning about its settings."""
    logging.disable(logging.CRITICAL)
    nowhere = StringIO()  # Airflow's own loggers ignore logging.disable
    try:
        with warnings.catch_warnings(action="ignore"), redirect_stdout(nowhere), redirect_stderr(nowhere):
            yield
    finally:
        logging.disable(logging.NOTSET)
