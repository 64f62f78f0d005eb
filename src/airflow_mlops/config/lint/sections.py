"""Rules about sections that need each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject, sources, texts
from airflow_mlops.config.models import Source
from airflow_mlops.config.space import is_range
from airflow_mlops.core.suggestions import did_you_mean, nearest
from airflow_mlops.data.sources import SOURCES

_RULE: Final = "sections"
_OF_A_RUN: Final = re.compile(
    r"{[{%][^}]*\b(ds|ds_nodash|ts\w*|logical_date|data_interval_\w+|run_id|dag_run)\b"
)
_SCHEMES: Final = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "http", "https", "file", "hdfs"}
)


def sections(subject: Subject) -> Iterator[Finding]:
    """No section is without effect, and none asks for what another does not give."""
    pipeline = subject.pipeline
    if pipeline.approve and not pipeline.deploy:
        message = "has no effect without deploy: add deploy, or leave approve out"
        yield Finding(_RULE, ("approve",), message)
    if pipeline.data.target in pipeline.data.keys:
        message = f"the target {pipeline.data.target} cannot be a key as well"
        yield Finding(_RULE, ("data", "keys"), message)
    retrain = pipeline.monitor and pipeline.monitor.retrain
    for number, cause in enumerate(retrain.when if retrain else ()):
        if getattr(pipeline.monitor, cause) is None:
            message = f"{cause} is never found: monitor.{cause} is not there"
            yield Finding(_RULE, ("monitor", "retrain", "when", number), message)
    tune = pipeline.train.tune
    if tune and tune.workers > tune.n_trials:
        message = f"{tune.workers} workers share {tune.n_trials} trials: some have nothing to do"
        yield Finding(_RULE, ("train", "tune", "workers"), message, "warning")
    yield from _labels(subject)


def repeats(subject: Subject) -> Iterator[Finding]:
    """Nothing stands twice in a list where once is enough."""
    pipeline = subject.pipeline
    retrain, tune = pipeline.monitor and pipeline.monitor.retrain, pipeline.train.tune
    for key in _twice(pipeline.data.keys):
        yield Finding(_RULE, ("data", "keys"), f"{key} is named twice")
    for cause in _twice(retrain.when if retrain else ()):
        yield Finding(_RULE, ("monitor", "retrain", "when"), f"{cause} is named twice", "warning")
    for user in _twice(pipeline.approve.by if pipeline.approve else ()):
        yield Finding(_RULE, ("approve", "by"), f"{user} is named twice", "warning")
    for name, form in tune.space.items() if tune else ():
        for choice in () if is_range(form) else _twice(form):
            yield Finding(_RULE, ("train", "tune", "space", name), f"{choice!r} is named twice", "warning")


def _labels(subject: Subject) -> Iterator[Finding]:
    """Labels that land later find their rows by the keys, those of earlier windows as well."""
    monitor = subject.pipeline.monitor
    performance = monitor.performance if monitor else None
    if performance is None:
        return
    path = ("monitor", "performance")
    given = [name for name in ("labels", "label_delay") if getattr(performance, name) is not None]
    if given and not subject.pipeline.data.keys:
        message = "labels that land later are joined by data.keys: name the entity and the time there"
        yield Finding(_RULE, (*path, given[0]), message)
    written = performance.labels.model_dump(mode="json") if performance.labels else {}
    for place, text in texts(written, (*path, "labels")):
        if _OF_A_RUN.search(text):
            message = (
                "holds labels of one run, but earlier windows are looked at again: name a place with the "
                "labels of all"
            )
            yield Finding(_RULE, place, message, "warning")


def suffix(subject: Subject) -> Iterator[Finding]:
    """The end of a file's name does not belong to another type than the one that it is read as."""
    for path, source in sources(subject.pipeline):
        yield from _suffix(path, source)


def _suffix(path: KeyPath, source: Source) -> Iterator[Finding]:
    """The end of a file's name does not belong to another type than the one that it is read as."""
    if source.type not in SOURCES.paths:
        return
    name = (source.filepath or "").lower().removesuffix(".gz")
    ends = {kind: SOURCES.load(kind).suffixes for kind in SOURCES.names()}
    said = next((kind for kind, suffixes in ends.items() if name.endswith(suffixes)), source.type)
    if said != source.type:
        message = f"named as {said}, but read as {source.type}"
        yield Finding(_RULE, (*path, "filepath"), message, "warning")


def place(subject: Subject) -> Iterator[Finding]:
    """The path of the data has a scheme that there is, and no typing error that a file beside it shows."""
    path, text = ("data", "source", "filepath"), subject.pipeline.data.source.filepath or ""
    if slash := re.match(r"([a-z][a-z0-9+.-]+):/(?!/)", text):
        yield Finding(_RULE, path, f"{slash[0]} is no URI: write {slash[1]}://")
    elif (scheme := re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)) and scheme[1] not in _SCHEMES:
        from fsspec import available_protocols

        if scheme[1] not in available_protocols():
            hint = did_you_mean(scheme[1], _SCHEMES)
            yield Finding(_RULE, path, f"fsspec knows no scheme {scheme[1]}://{hint}")
    elif text and "://" not in text and "{" not in text:
        yield from _misspelt(path, subject.folder, text)


def _misspelt(path: KeyPath, folder: Path, text: str) -> Iterator[Finding]:
    try:
        file = folder / Path(text).expanduser()
        if not file.suffix or file.exists() or not file.parent.is_dir():
            return
        beside = [other.name for other in file.parent.iterdir() if other.suffix == file.suffix]
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a user who is not there
        return
    if near := nearest(file.name, beside, cutoff=0.85):
        yield Finding(_RULE, path, f"no such file {text} here (did you mean {near}?)", "warning")


def _twice(items: Sequence[Any]) -> list[Any]:
    """Return what stands in a list more than once, each once."""
    return [item for number, item in enumerate(items) if items[:number].count(item) == 1]
