"""Checks a pipeline file as deeply as possible; the user's code is read, and never imported or run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from airflow_mlops.config.document import parse
from airflow_mlops.config.faults import Fault, FileFaults, in_order
from airflow_mlops.config.lint.circles import asset_circles
from airflow_mlops.config.lint.columns import columns
from airflow_mlops.config.lint.database_engine import database_engine
from airflow_mlops.config.lint.estimator import estimator
from airflow_mlops.config.lint.event_time import event_time
from airflow_mlops.config.lint.expectations import expectations
from airflow_mlops.config.lint.finding import Finding, Rule, Subject, texts
from airflow_mlops.config.lint.functions import functions
from airflow_mlops.config.lint.gate import gate, groups
from airflow_mlops.config.lint.learned_rows import learned_rows, weighted_fit
from airflow_mlops.config.lint.libraries import Libraries
from airflow_mlops.config.lint.limits import limits, undeclared_metric
from airflow_mlops.config.lint.metrics import metrics, own_metrics
from airflow_mlops.config.lint.model_format import model_format
from airflow_mlops.config.lint.own_tasks import own_tasks
from airflow_mlops.config.lint.positive_class import positive_class
from airflow_mlops.config.lint.preprocess import early_stopping, preprocess
from airflow_mlops.config.lint.rows import rows
from airflow_mlops.config.lint.running import notifiers, resources, retry_exceptions, task_settings
from airflow_mlops.config.lint.salvage import salvage
from airflow_mlops.config.lint.secrets import secret_in, secrets
from airflow_mlops.config.lint.sections import duplicate, file_suffix, sections, source_path
from airflow_mlops.config.lint.serving import target
from airflow_mlops.config.lint.source import Sources
from airflow_mlops.config.lint.templates import templates, unexpanded_placeholder
from airflow_mlops.config.lint.timing import canary_timing, monitor_timing, schedule_timing
from airflow_mlops.config.loader import ANCHORS, Loaded, Variant, is_defaults, read_defaults, read_pipeline
from airflow_mlops.config.text_files import read_text
from airflow_mlops.config.variants import MAX_ATTEMPTS, fault_identity, locate_in_profile
from airflow_mlops.core.errors import ConfigError

RULES: Final[Mapping[Rule, Sequence[str]]] = {
    functions: ("features", "data.source.*", "evaluate.holdout.*", "monitor.performance.labels.*"),
    estimator: ("train.estimator",),
    metrics: ("train.estimator", "data.positive", "train.threshold.*"),
    own_metrics: (),
    positive_class: ("data.positive", "data.target", "validate", "train.params.*"),
    preprocess: ("train.preprocess.*", "data.keys"),
    early_stopping: ("train.estimator", "train.early_stopping"),
    model_format: ("features", "train.estimator", "train.serialization"),
    expectations: ("validate",),
    database_engine: ("validate", "data.*"),
    limits: (),
    gate: ("evaluate.*", "approve"),
    groups: ("evaluate.metrics.*", "evaluate.groups.*"),
    undeclared_metric: ("evaluate.metrics.*",),
    canary_timing: ("deploy.canary.*",),
    target: ("deploy.target",),
    monitor_timing: ("data.keys", "monitor.*"),
    sections: (
        "data.keys",
        "data.target",
        "data.source.*",
        "evaluate.holdout.*",
        "deploy",
        "monitor.drift",
        "monitor.performance.*",
    ),
    duplicate: (),
    file_suffix: ("data.source.*", "data.join.*", "evaluate.holdout.*", "monitor.performance.labels.*"),
    unexpanded_placeholder: (
        "data.source.*",
        "data.join.*",
        "evaluate.holdout.*",
        "monitor.performance.labels.*",
    ),
    source_path: ("data.source.*", "evaluate.holdout.*"),
    rows: ("data.source.*", "data.join.*", "evaluate.holdout.*", "monitor.performance.labels.*"),
    columns: (
        "data.source.*",
        "data.columns.*",
        "data.join.*",
        "train.preprocess.*",
        "evaluate.holdout.*",
        "monitor.performance.labels.*",
    ),
    event_time: ("data.keys", "data.time.*", "data.source.*", "evaluate.holdout.*"),
    learned_rows: (
        "data.keys",
        "data.time.*",
        "data.target",
        "train.window",
        "train.weights",
        "train.refit",
        "evaluate.holdout.*",
    ),
    weighted_fit: ("train.estimator", "train.weights"),
    task_settings: (
        "validate",
        "evaluate.holdout.*",
        "train.tune",
        "train.refit",
        "deploy",
        "approve",
        "monitor.*",
    ),
    resources: ("train.resources.*", "tasks.*"),
    notifiers: ("callbacks.*", "schedule.*"),
    own_tasks: ("before.*", "after.*"),
    schedule_timing: ("schedule.*",),
    retry_exceptions: ("retry.fail_on",),
}
"""Each rule with the keys that it reads: it waits while one of them (``.*``: or one below it) is faulty."""
WRITTEN: Final[Sequence[Rule]] = (templates, secrets)
"""The rules that read the values as they were written, whatever their shape."""


def lint_files(
    files: Iterable[tuple[Path, Path]], *, profile: str | None = None, libraries: Libraries | None = None
) -> tuple[Fault, ...]:
    """Return what is wrong with some pipeline files, each on its own and as neighbours.

    ``files`` are pairs of a file and the folder where the search for its defaults ends. ``profile`` limits
    the deep checks to that profile. ``libraries`` are asked about estimators and expectations; by default
    a child process imports them for this call alone. Nothing is raised for a bad file.
    """
    if libraries is None:
        with Libraries() as own:
            return lint_files(files, profile=profile, libraries=own)
    faults: list[Fault] = []
    owners: dict[str, Path] = {}
    read: set[Path] = set()
    pipelines: list[Loaded] = []
    for file, root in sorted(files, key=lambda pair: is_defaults(pair[0])):
        if is_defaults(file) and file.absolute() in read:
            continue  # it was checked with every pipeline below it
        try:
            loaded = read_defaults(file) if is_defaults(file) else read_pipeline(file, root=root)
            known = profile in loaded.variants or not is_defaults(file)
            faults += lint(loaded, libraries, profile=profile if known else None)
            faults += _namesake(loaded, owners)
            pipelines += [] if is_defaults(file) else [loaded]
            read |= {loaded.defaults.absolute()} if loaded.defaults else set()
        except FileFaults as error:
            faults += error.faults
        except ConfigError as error:
            faults.append(_bare(file, str(error)))
    return in_order([*faults, *asset_circles(pipelines, profile=profile)])


def lint(loaded: Loaded, libraries: Libraries, *, profile: str | None = None) -> tuple[Fault, ...]:
    """Return the faults, warnings and notes of one file with all its profiles, or with one.

    Raises ConfigError for an unknown profile.
    """
    chosen = loaded.variants.values() if profile is None else [loaded.variant(profile)]
    sources = Sources(_folders(loaded), libraries)
    faults = list(loaded.faults)
    seen, tries = {fault_identity(fault) for fault in faults}, iter(range(MAX_ATTEMPTS))
    for variant in chosen:
        fresh: dict[tuple[Any, ...], Fault] = {}
        for fault in _deep(variant, loaded, sources):
            if fault_identity(fault) not in seen and not _follows(fault, loaded.faults):
                fresh.setdefault(fault_identity(fault), fault)
        seen |= fresh.keys()
        faults += locate_in_profile(
            fresh.values(),
            variant,
            loaded.whole,
            (lambda narrowed: _deep(narrowed, loaded, sources), tries),
        )
    faults += [fault for fault in _secrets_in_anchors(loaded) if fault_identity(fault) not in seen]
    return in_order(faults)


def _secrets_in_anchors(loaded: Loaded) -> Iterator[Fault]:
    """Yield the secrets below the keys that only hold anchors, which no variant has."""
    document = parse(read_text(loaded.file), str(loaded.file))
    for key, value in (document.values or {}).items():
        for path, text in texts(value, (key,)) if key.startswith(ANCHORS) else ():
            if found := secret_in(text):
                yield document.fault(path, found, rule="secrets")


def _deep(variant: Variant, loaded: Loaded, sources: Sources) -> Iterator[Fault]:
    salvaged = salvage(variant)
    if salvaged is None:
        return
    subject = Subject(salvaged.pipeline, variant.layer, sources, loaded.file.absolute().parent)
    for rule in WRITTEN:
        yield from (_fault(variant, rule, found) for found in _findings(rule, subject))
    for rule, read in RULES.items():
        for found in () if salvaged.lacks(read) else _findings(rule, subject):
            path = salvaged.in_file(found.path)
            if not salvaged.covers(path):
                yield _fault(variant, rule, replace(found, path=path))


def _findings(rule: Rule, subject: Subject) -> Iterator[Finding]:
    """Yield what a rule finds; code that is nested beyond what Python can walk through is a note."""
    try:
        yield from rule(subject)
    except RecursionError:
        yield Finding((), "not checked completely: its code is nested too deeply", "note")


def _follows(fault: Fault, faults: Iterable[Fault]) -> bool:
    """Whether a part of the same value has been reported: this fault may only follow from that one."""
    return any(
        fault.file == other.file and other.path.startswith(f"{fault.path}.") for other in faults if fault.path
    )


def _fault(variant: Variant, rule: Rule, found: Finding) -> Fault:
    name = rule.__name__.replace("_", "-")
    return replace(variant.layer.fault(found.path, found.message, rule=name), level=found.level)


def _namesake(loaded: Loaded, owners: dict[str, Path]) -> Iterator[Fault]:
    base = loaded.variants[None]
    name = base.layer.values.get("name")
    if not isinstance(name, str):
        return
    other = owners.setdefault(name, loaded.file)
    if other != loaded.file:
        yield base.layer.fault(("name",), f"{name!r} is already the name of {other}", rule="duplicate-name")


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
