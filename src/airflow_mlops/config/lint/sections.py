"""Rules about sections that need each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from os.path import normpath
from pathlib import Path
from typing import Any, Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject, file_paths, sources, texts
from airflow_mlops.config.models import Source
from airflow_mlops.config.space import is_range
from airflow_mlops.core.suggestions import did_you_mean, nearest
from airflow_mlops.data.core.file_names import PATTERN, unpacked
from airflow_mlops.data.sources import SOURCES

_RUN_TEMPLATE: Final = re.compile(
    r"{[{%][^}]*\b(ds|ds_nodash|ts\w*|as_of|logical_date|data_interval_\w+|run_id|dag_run)\b"
)
_SCHEMES: Final = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "http", "https", "file", "hdfs"}
)


def sections(subject: Subject) -> Iterator[Finding]:
    """No section is ignored, and none needs a value that another section lacks."""
    pipeline = subject.pipeline
    if pipeline.approve and not pipeline.deploy and not pipeline.evaluate.asks:
        yield Finding(("approve",), "ignored: approval needs `deploy`: add deploy, or remove approve")
    if pipeline.approve and pipeline.approve.author == "refuse":
        spare = len(set(pipeline.approve.by)) - pipeline.approve.needs
        if spare < 1:
            message = (
                "every person in `by` must approve, so a model whose training one of them started cannot be "
                "approved: name another person in by"
            )
            yield Finding(("approve", "author"), message, "warning")
    if pipeline.data.target in pipeline.data.keys:
        message = f"the target {pipeline.data.target} cannot be a key as well: remove it from keys"
        yield Finding(("data", "keys"), message)
    retrain = pipeline.monitor and pipeline.monitor.retrain
    for number, cause in enumerate(retrain.when if retrain else ()):
        if getattr(pipeline.monitor, cause) is None:
            message = f"{cause} cannot be a cause: add monitor.{cause}"
            yield Finding(("monitor", "retrain", "when", number), message)
    tune = pipeline.train.tune
    if tune and tune.workers > tune.n_trials:
        message = f"{tune.workers} workers share {tune.n_trials} trials: some are idle"
        yield Finding(("train", "tune", "workers"), message, "warning")
    yield from _holdout(subject)
    yield from _labels(subject)


def _holdout(subject: Subject) -> Iterator[Finding]:
    """The hold-out is named once, has the event time that it needs, and is not the training rows again."""
    data, section = subject.pipeline.data, subject.pipeline.evaluate.holdout
    if section is None:
        return
    train = subject.pipeline.train
    splits_again = train.tune is not None or train.early_stopping
    if section.source is not None and "holdout" in data.model_fields_set and not splits_again:
        message = "ignored with evaluate.holdout.source: the test set is what is held out; remove it"
        yield Finding(("data", "holdout"), message)
    if section.source is not None and _normal(section.source) == _normal(data.source):
        message = "the test set must be another source than data.source: no row would be left to train on"
        yield Finding(("evaluate", "holdout", "source"), message)
    for name, value in (("last", section.last), ("from", section.start), ("gap", section.gap)):
        if value is not None and data.time_column is None:
            message = "needs an event time: name its column as data.time.column, or as the last of data.keys"
            yield Finding(("evaluate", "holdout", name), message)


def _normal(source: Source) -> Source:
    """Return a source whose path is written in one way."""
    path = source.filepath
    if not isinstance(path, str) or "://" in path:
        return source
    return source.model_copy(update={"filepath": normpath(path)})


def duplicate(subject: Subject) -> Iterator[Finding]:
    """No list has the same item twice."""
    pipeline = subject.pipeline
    retrain, tune = pipeline.monitor and pipeline.monitor.retrain, pipeline.train.tune
    lists: list[tuple[KeyPath, Sequence[Any]]] = [
        (("evaluate", "metrics"), pipeline.evaluate.metrics),
        (("monitor", "retrain", "when"), retrain.when if retrain else ()),
        (("approve", "by"), pipeline.approve.by if pipeline.approve else ()),
    ]
    for path, items in lists:
        for item in _duplicates(items):
            yield Finding(path, f"{item} is a duplicate", "warning")
    for name, form in tune.space.items() if tune else ():
        for choice in () if is_range(form) else _duplicates(form):
            yield Finding(("train", "tune", "space", name), f"{choice!r} is a duplicate", "warning")


def _labels(subject: Subject) -> Iterator[Finding]:
    """Labels that arrive later are joined by the keys, and their source has those of earlier windows."""
    monitor = subject.pipeline.monitor
    performance = monitor.performance if monitor else None
    if performance is None:
        return
    path = ("monitor", "performance")
    late = [name for name in ("labels", "label_delay") if getattr(performance, name) is not None]
    if late and not subject.pipeline.data.keys:
        message = "labels that arrive later are joined by data.keys: add the entity and the time there"
        yield Finding((*path, late[0]), message)
    written = performance.labels.model_dump(mode="json") if performance.labels else {}
    for place, text in texts(written, (*path, "labels")):
        if _RUN_TEMPLATE.search(text):
            message = (
                "holds the labels of one run, but earlier windows are checked again: use a path with the "
                "labels of all runs"
            )
            yield Finding(place, message, "warning")


def file_suffix(subject: Subject) -> Iterator[Finding]:
    """The end of a file's name does not belong to another type than the one that it is read as."""
    suffixes = {kind: SOURCES.load(kind).suffixes for kind in SOURCES.names()}
    for path, source in sources(subject.pipeline):
        for place, text in file_paths(source, path):
            name, _ = unpacked(text)
            kind = next((kind for kind, ends in suffixes.items() if name.endswith(ends)), source.type)
            if kind != source.type and source.type in suffixes:
                yield Finding(place, f"file extension is {kind}, but type is {source.type}", "warning")


def source_path(subject: Subject) -> Iterator[Finding]:
    """The path of the data has a known scheme, and is not a misspelt name of a file that exists."""
    found = list(file_paths(subject.pipeline.data.source, ("data", "source")))
    if own := subject.pipeline.evaluate.test_set:
        found += file_paths(own, ("evaluate", "holdout", "source"))
    for path, text in found:
        yield from _path(path, text, subject.folder)


def _path(path: KeyPath, text: str, folder: Path) -> Iterator[Finding]:
    if slash := re.match(r"([a-z][a-z0-9+.-]+):/(?!/)", text):
        yield Finding(path, f"{slash[0]} is not a URI: write {slash[1]}://")
    elif (scheme := re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)) and scheme[1] not in _SCHEMES:
        from fsspec import available_protocols

        if scheme[1] not in available_protocols():
            hint = did_you_mean(scheme[1], _SCHEMES)
            yield Finding(path, f"fsspec has no scheme {scheme[1]}://{hint}")
    elif text and "://" not in text and "{" not in text:
        yield from _misspelt(path, folder, text)


def _misspelt(path: KeyPath, folder: Path, text: str) -> Iterator[Finding]:
    try:
        file = folder / Path(text).expanduser()
        if PATTERN.search(text) or not file.suffix or file.exists() or not file.parent.is_dir():
            return
        beside = [other.name for other in file.parent.iterdir() if other.suffix == file.suffix]
    except (OSError, ValueError, RuntimeError):  # RuntimeError: ~user of an unknown user
        return
    if near := nearest(file.name, beside, cutoff=0.85):
        yield Finding(path, f"{text} does not exist here (did you mean {near}?)", "warning")


def _duplicates(items: Sequence[Any]) -> list[Any]:
    """Return the items that a list has more than once, each once."""
    return [item for number, item in enumerate(items) if items[:number].count(item) == 1]
