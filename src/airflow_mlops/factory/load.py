"""Finds pipeline files and puts their DAGs where Airflow looks for them."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator, conf, get_parsing_context
from airflow.sdk.exceptions import AirflowFailException

from airflow_mlops.config.cache import ParseCache
from airflow_mlops.config.environment import PROFILE
from airflow_mlops.config.loader import load_pipeline, pipeline_files
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.text_files import read_text
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.factory.builder import build


class FaultyPipelineOperator(BaseOperator):
    """Fails with the faults of a pipeline file, so that nothing vanishes silently."""

    def __init__(self, *, faults: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.faults = faults

    def execute(self, context: Any) -> None:  # noqa: ARG002 - Airflow passes it
        """Fail, with every fault in the message."""
        raise AirflowFailException(self.faults)


def load_pipelines(
    namespace: MutableMapping[str, Any],
    folder: str | Path | None = None,
    *,
    profile: str | None = None,
    strict: bool = False,
) -> None:
    """Build the DAGs of every pipeline file in a folder, and below it, into a module's namespace.

    :param namespace: ``globals()`` of the DAG file.
    :param folder: where the ``*.yaml`` files are; ``pipelines/`` beside the DAG file by default. The nearest
        ``defaults.yaml`` up to this folder lies under each file.
    :param profile: profile of every file; the environment's ``AIRFLOW_MLOPS_PROFILE`` by default.
    :param strict: raise ConfigError for a faulty file; otherwise it becomes a visible, failing DAG and
        the others load.
    """
    beside = Path(str(namespace.get("__file__", "."))).parent
    found = (beside / folder if folder else beside / "pipelines").resolve()
    if not found.is_dir():
        raise ConfigError(f"{found}: no such folder: create it, or give load_pipelines() the right one")
    owners: dict[str, Path] = {}
    profile = profile or os.environ.get(PROFILE) or None
    with _parse_cache() as cache:
        for file in _files(found):
            try:
                dags = _build(load_pipeline(file, profile, root=found, cache=cache), file, owners)
            except ConfigError as error:
                if strict:
                    raise
                dags = _faulty(file, str(error), namespace)
            namespace.update(dags)


def build_dags(namespace: MutableMapping[str, Any], *pipelines: Pipeline) -> None:
    """Build the DAGs of pipelines that are written in Python into a module's namespace.

    While a task runs, only its own pipeline is built. Raises ConfigError for what is no pipeline, and for
    two of one name.

    :param namespace: ``globals()`` of the DAG file; relative paths start from that file's folder.
    :param pipelines: the pipelines.
    """
    folder = Path(str(namespace.get("__file__", "."))).absolute().parent
    names: set[str] = set()
    for pipeline in pipelines:
        if not isinstance(pipeline, Pipeline):
            kind = type(pipeline).__name__
            raise ConfigError(f"build_dags() takes a Pipeline, got {kind}: write Pipeline(**it)")
        if pipeline.name in names:
            raise ConfigError(f"build_dags(): two pipelines have the name {pipeline.name!r}")
        names.add(pipeline.name)
    wanted = _wanted()
    mine = [pipeline for pipeline in pipelines if pipeline.name == wanted]
    for pipeline in mine or pipelines:
        namespace.update(build(pipeline, base=str(folder)))


def _parse_cache() -> AbstractContextManager[ParseCache | None]:
    """Open ``[mlops] parse_cache``; nothing when it is set to nothing."""
    folder = str(conf.get("mlops", "parse_cache", fallback="")).strip()
    return ParseCache(Path(os.path.expanduser(folder))) if folder else nullcontext()  # noqa: PTH111 - never raises


def _wanted() -> str:
    """Return the name of the pipeline whose task this process is to run, or nothing while all are parsed."""
    dag_id = get_parsing_context().dag_id
    return dag_id.rpartition("__")[0] if dag_id else ""


def _files(folder: Path) -> Iterator[Path]:
    """Yield the pipeline files; only the one that is asked for while a task runs."""
    files = pipeline_files(folder)
    name = _wanted()
    mine = [file for file in files if name and _names(file, name)]
    yield from mine or files


def _names(file: Path, name: str) -> bool:
    """Whether the file seems to hold the pipeline ``name``; cheap, before the file is parsed."""
    try:
        text = read_text(file)
    except ConfigError:
        return False
    return bool(re.search(rf"^[\"']?name[\"']?\s*:\s*[\"']?{re.escape(name)}\b", text, re.MULTILINE))


def _build(pipeline: Pipeline, file: Path, owners: dict[str, Path]) -> dict[str, DAG]:
    other = owners.setdefault(pipeline.name, file)
    if other is not file:
        raise ConfigError(f"{file}:1:1: name: {pipeline.name!r} is already the name of {other.name}")
    try:
        return build(pipeline, base=str(file.parent))
    except Exception as error:  # Airflow refuses some values only when a DAG is made: the others go on
        raise ConfigError(f"{file}:1:1: Airflow cannot build it: {type(error).__name__}: {error}") from error


def _faulty(file: Path, faults: str, taken: Mapping[str, Any]) -> dict[str, DAG]:
    """Return a DAG that fails with the faults; files of one name in several folders have one each."""
    stem = re.sub(r"\W", "_", file.stem)
    more = (f"{stem}_{number}__faulty" for number in itertools.count(2))
    dag_id = next(name for name in itertools.chain([f"{stem}__faulty"], more) if name not in taken)
    listed = "\n".join(f"- `{line}`" for line in faults.splitlines())
    with DAG(
        dag_id=dag_id,
        schedule=None,
        tags=["mlops", "faulty"],
        doc_md=f"This pipeline file has faults:\n\n{listed}\n",
    ) as dag:
        FaultyPipelineOperator(task_id="faults", faults=faults, retries=0)
    return {dag_id: dag}
