"""Checks of the places that pipelines write to: writable, shared, with enough space."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from airflow_mlops.cli.doctor.finding import Finding, failed, not_needed, ok, warning
from airflow_mlops.cli.terminal import counted
from airflow_mlops.config.cache import FIX, distrust

_LITTLE: Final = 2 * 1024**3
_NOTHING: Final = 200 * 1024**2
_NETWORK: Final = ("nfs", "cifs", "smb", "ceph", "gluster", "lustre", "fuse.", "beegfs", "afs", "9p")
_MOUNTS: Final = Path("/proc/self/mounts")


def check_artifacts(folder: Path, *, one_machine: bool, executor: str) -> list[Finding]:
    """Check that the artifacts folder is writable, and shared when tasks run on several machines."""
    fix = "set [mlops] artifacts to a folder that all workers share, or to s3://…"
    if problem := _unwritable(folder):
        text = f"{folder} is not writable: {problem}"
        return [failed("artifacts", text, f"chown $(id -un) {folder}, or {fix}")]
    network = network_file_system(folder)
    if network or one_machine:
        where = f"on {network}" if network else f"and {executor} runs every task on this machine"
        return [ok("artifacts", f"{folder} is writable, {where}")]
    text = f"{folder} is on a disk of this machine, but {executor} runs tasks on other machines too"
    return [warning("artifacts", text, fix)]


def check_rollouts(file: Path, *, one_machine: bool, executor: str) -> list[Finding]:
    """Check that the rollouts file is writable, and is on a disk on which SQLite's locks work."""
    fix = (
        "set [mlops] rollouts to a file on a disk of the machine of workers and triggerer, or to "
        "conn_id://NAME, a connection to PostgreSQL"
    )
    if file.is_file() and not os.access(file, os.W_OK):
        return [failed("rollouts", f"{file} is not writable", f"chown $(id -un) {file}")]
    if problem := _unwritable(file.parent):
        return [failed("rollouts", f"{file.parent} is not writable: {problem}", fix)]
    if network := network_file_system(file.parent):
        return [warning("rollouts", f"{file} is on {network}, where SQLite's locks are not safe", fix)]
    if not one_machine:
        text = f"{file} is on this machine only, but {executor} runs tasks on other machines too"
        return [warning("rollouts", text, fix)]
    return [ok("rollouts", f"{file} is writable")]


def check_rollout_database(url: str, password: str = "") -> list[Finding]:
    """Check that the database of the rollouts accepts this machine and is writable; creates no table."""
    from sqlalchemy.engine import make_url

    from airflow_mlops.rollout.store.tables import Database

    address = make_url(url)
    database = Database(address.set(password=password) if password else address)
    exists, rights = database.has_tables(), database.missing_rights()
    if rights:
        grants = "; ".join(f"GRANT {right} TO {address.username or 'USER'}" for right in rights)
        fix = f'psql -c "{grants}", as the owner of the database'
        return [failed("rollouts", f"{database.where} answers, but this user cannot write a rollout", fix)]
    tables = "" if exists else "; the first rollout creates its tables"
    return [ok("rollouts", f"{database.where} answers{tables}")]


def check_parse_cache(setting: str) -> Finding:
    """Check the parse cache; a folder that another user could write to is not used."""
    check = "parse cache"
    if not setting:
        return not_needed(check, "[mlops] parse_cache is empty: every parse checks every file")
    folder = Path(os.path.expanduser(setting))  # noqa: PTH111 - Path.expanduser may raise
    try:
        problem = distrust(folder.lstat())
    except FileNotFoundError:
        unwritable = _unwritable(folder)
        if unwritable:
            return warning(check, f"cannot create {folder}: {unwritable}", "set [mlops] parse_cache")
        return ok(check, f"{folder}; the first parse creates it")
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    if problem:
        return warning(check, f"{folder} {problem}; it is not used", FIX)
    return ok(check, f"{folder}; {counted(sum(1 for _ in folder.glob('*.json')), 'file')}")


def check_remote_artifacts(uri: str) -> list[Finding]:
    """Write and remove one small object where ``[mlops] artifacts`` is a URI."""
    from airflow_mlops.hooks.storage import connected

    plain, opened = connected(uri)
    place = opened.locate(plain)
    probe = f"{place.path.rstrip('/')}/.doctor-{uuid.uuid4().hex}"
    place.fs.pipe_file(probe, b"")
    place.fs.rm_file(probe)
    return [ok("artifacts", f"{uri} is writable")]


def check_space(places: Iterable[Path]) -> Iterator[Finding]:
    """Yield one finding for each disk of the places."""
    disks: dict[int, Path] = {}
    for place in places:
        there = _nearest(place)
        disks.setdefault(there.stat().st_dev, there)
    for there in disks.values():
        yield judge_space(there, shutil.disk_usage(there).free)


def judge_space(place: Path, free: int) -> Finding:
    """Judge the free space of a place, in bytes: below 2 GiB a warning, below 200 MiB a failure."""
    text, fix = f"{free / 1024**3:.1f} GiB free at {place}", f"du -xsh {place}/* | sort -h"
    if free < _NOTHING:
        return failed("disk", text, fix)
    return warning("disk", text, fix) if free < _LITTLE else ok("disk", text)


def network_file_system(place: Path, mounts: str | None = None) -> str:
    """Return the kind of network file system of a place, or nothing."""
    if mounts is None:
        mounts = _MOUNTS.read_text() if _MOUNTS.exists() else ""
    kinds = {}
    for line in mounts.splitlines():
        _, mounted, kind, *_ = [*line.split(), "", "", ""]
        kinds[mounted.replace("\\040", " ")] = kind
    real = _nearest(place).resolve()
    mounted = next((str(folder) for folder in (real, *real.parents) if str(folder) in kinds), "")
    kind = kinds.get(mounted, "")
    return kind if kind.startswith(_NETWORK) else ""


def _unwritable(folder: Path) -> str:
    """Return why a folder is not writable, or nothing; a missing folder is not created."""
    there = _nearest(folder)
    if there != folder:
        return "" if there.is_dir() and os.access(there, os.W_OK | os.X_OK) else f"{there} is not writable"
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"x")
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _nearest(place: Path) -> Path:
    """Return the place itself, or the nearest folder above it that exists."""
    real = place.expanduser().absolute()
    return next((folder for folder in (real, *real.parents) if folder.exists()), Path("/"))
