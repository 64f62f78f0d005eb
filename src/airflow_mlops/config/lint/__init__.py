"""Checks a pipeline file as deeply as possible without running anything: source is read, never imported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from airflow_mlops.config.faults import Fault, FileFaults, in_order
from airflow_mlops.config.lint.code import estimator, functions
from airflow_mlops.config.lint.columns import columns
from airflow_mlops.config.lint.combinations import combinations
from airflow_mlops.config.lint.expectations import expectations
from airflow_mlops.config.lint.finding import Finding, Rule, Subject
from airflow_mlops.config.lint.limits import limits, named
from airflow_mlops.config.lint.metrics import metrics
from airflow_mlops.config.lint.rows import rows
from airflow_mlops.config.lint.running import exceptions, notifiers, resources, settings
from airflow_mlops.config.lint.salvage import remains
from airflow_mlops.config.lint.secrets import secrets
from airflow_mlops.config.lint.sections import place, repeats, sections, suffix
from airflow_mlops.config.lint.serving import target
from airflow_mlops.config.lint.source import Sources
from airflow_mlops.config.lint.templates import half, templates
from airflow_mlops.config.lint.timing import canary, monitor
from airflow_mlops.config.loader import Loaded, Variant, is_defaults, read_defaults, read_pipeline
from airflow_mlops.config.variants import MAX_ATTEMPTS, fault_identity, locate_in_profile
from airflow_mlops.core.errors import ConfigError

RULES: Final[Mapping[Rule, Sequence[str]]] = {
    functions: ("features", "data.source.*", "monitor.performance.labels.*"),
    estimator: ("train.estimator",),
    combinations: ("train.estimator",),
    metrics: ("train.estimator",),
    expectations: ("validate",),
    limits: (),
    named: ("evaluate.metrics.*",),
    canary: ("deploy.canary.*",),
    target: ("deploy.target",),
    monitor: ("data.keys", "monitor.*"),
    sections: ("data.keys", "data.target", "deploy", "monitor.drift", "monitor.performance.*"),
    repeats: (),
    suffix: ("data.source.*", "monitor.performance.labels.*"),
    half: ("data.source.*",),
    place: ("data.source.*",),
    rows: ("data.source.*", "monitor.performance.labels.*"),
    columns: ("data.source.*", "monitor.performance.labels.*"),
    settings: ("validate", "train.tune", "deploy", "approve", "monitor.*"),
    resources: ("train.resources.*", "tasks.*"),
    notifiers: ("callbacks.*",),
    exceptions: ("retry.fail_on",),
}
"""Each rule with the keys that it reads: it waits while one of them (``.*``: or one below it) is faulty."""
WRITTEN: Final[Sequence[Rule]] = (templates, secrets)
"""The rules that read the values as they were written, whatever their shape."""


def lint_files(files: Iterable[tuple[Path, Path]], *, profile: str | None = None) -> tuple[Fault, ...]:
    """Return what is wrong with some pipeline files, each on its own and as neighbours.

    ``files`` are pairs of a file and the folder where the search for its defaults ends. ``profile`` limits
    the deep checks to that profile. Nothing is raised for a bad file.
    """
    faults: list[Fault] = []
    owners: dict[str, Path] = {}
    read: set[Path] = set()
    for file, root in sorted(files, key=lambda pair: is_defaults(pair[0])):
        if is_defaults(file) and file.absolute() in read:
            continue  # every pipeline over it was looked at with it
        try:
            loaded = read_defaults(file) if is_defaults(file) else read_pipeline(file, root=root)
            known = profile in loaded.variants or not is_defaults(file)
            faults += lint(loaded, profile=profile if known else None)
            faults += _namesake(loaded, owners)
            read |= {loaded.defaults.absolute()} if loaded.defaults else set()
        except FileFaults as error:
            faults += error.faults
        except ConfigError as error:
            faults.append(_bare(file, str(error)))
    return in_order(faults)


def lint(loaded: Loaded, *, profile: str | None = None) -> tuple[Fault, ...]:
    """Return the faults, warnings and notes of one file with all its profiles, or with one.

    Raises ConfigError for an unknown profile.
    """
    chosen = loaded.variants.values() if profile is None else [loaded.variant(profile)]
    sources = Sources(_folders(loaded))
    faults = list(loaded.faults)
    seen, tries = {fault_identity(fault) for fault in faults}, iter(range(MAX_ATTEMPTS))
    for variant in chosen:
        fresh: dict[tuple[Any, ...], Fault] = {}
        for fault in _deep(variant, loaded, sources):
            if fault_identity(fault) not in seen and not _told(fault, loaded.faults):
                fresh.setdefault(fault_identity(fault), fault)
        seen |= fresh.keys()
        faults += locate_in_profile(
            fresh.values(),
            variant,
            loaded.whole,
            (lambda narrowed: _deep(narrowed, loaded, sources), tries),
        )
    return in_order(faults)


def _deep(variant: Variant, loaded: Loaded, sources: Sources) -> Iterator[Fault]:
    left = remains(variant)
    if left is None:
        return
    subject = Subject(left.pipeline, variant.layer, sources, loaded.file.absolute().parent)
    for rule in WRITTEN:
        yield from (_fault(variant, found) for found in _findings(rule, subject))
    for rule, read in RULES.items():
        for found in () if left.lacks(read) else _findings(rule, subject):
            path = left.in_file(found.path)
            if not left.covers(path):
                yield _fault(variant, replace(found, path=path))


def _findings(rule: Rule, subject: Subject) -> Iterator[Finding]:
    """Yield what a rule finds; code that is nested beyond what Python can walk through is a note."""
    try:
        yield from rule(subject)
    except RecursionError:
        yield Finding(rule.__name__, (), "not checked to its end: code that is nested too deeply", "note")


def _told(fault: Fault, faults: Iterable[Fault]) -> bool:
    """Whether a part of the same value has been told about: what follows from it is no news."""
    return any(
        fault.file == other.file and other.path.startswith(f"{fault.path}.") for other in faults if fault.path
    )


def _fault(variant: Variant, found: Finding) -> Fault:
    plain = variant.layer.fault(found.path, found.message, rule=found.rule)
    return replace(plain, level=found.level)


def _namesake(loaded: Loaded, owners: dict[str, Path]) -> Iterator[Fault]:
    base = loaded.variants[None]
    name = base.layer.values.get("name")
    if not isinstance(name, str):
        return
    other = owners.setdefault(name, loaded.file)
    if other != loaded.file:
        yield base.layer.fault(("name",), f"{name!r} is already the name of {other}", rule="names")


def _bare(file: Path, message: str) -> Fault:
    text = message.removeprefix(f"{file}:").removeprefix("1:1:").strip()
    return Fault(str(file), 1, 1, "", text, rule="file")


def _folders(loaded: Loaded, environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return where a pipeline's own modules may be: beside it, up to the folder of the DAG files."""
    folder, root = loaded.file.absolute().parent, loaded.root.absolute()
    above = [parent for parent in folder.parents if parent == root or root in parent.parents]
    beside = [root.parent] if root.name == "pipelines" else []
    home = environment.get("AIRFLOW_HOME")
    dags = environment.get("AIRFLOW__CORE__DAGS_FOLDER") or (f"{home}/dags" if home else None)
    return [folder, *above, *beside, *([Path(dags)] if dags else [])]
