"""Finds pipeline files and puts their DAGs where Airflow looks for them."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Mapping, MutableMapping
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
    """Fails with the faults of a pipeline file, so that a faulty file stays visible.

    :param faults: every fault with its file, line and column.
    """

    def __init__(self, *, faults: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.faults = faults

    def execute(self, context: Any) -> None:  # noqa: ARG002 - Airflow passes it
        """Fail; the message lists every fault."""
        raise AirflowFailException(self.faults)


def load_pipelines(
    namespace: MutableMapping[str, Any],
    folder: str | Path | None = None,
    *,
    profile: str | None = None,
    strict: bool = False,
) -> None:
    """Build the DAGs of every pipeline file in a folder, and below it, into a module's namespace.

    A DAG file needs two lines::

        from airflow_mlops import load_pipelines

        load_pipelines(globals())

    :param namespace: ``globals()`` of the DAG file.
    :param folder: where the ``*.yaml`` files are; ``pipelines/`` beside the DAG file by default. The nearest
        ``defaults.yaml`` up to this folder applies to each file.
    :param profile: profile of every file; the environment's ``AIRFLOW_MLOPS_PROFILE`` by default.
    :param strict: raise for a faulty file; otherwise it becomes a DAG that shows its faults and fails, and
        the other files load.
    :raises ConfigError: when the folder does not exist, or with ``strict`` for a faulty file.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "churn.yaml").write_text(
    ...     "name: churn\\n"
    ...     "data: {source: {type: csv, filepath: customers.csv}, target: churned}\\n"
    ...     "train: {estimator: sklearn.tree.DecisionTreeClassifier}\\n"
    ...     "evaluate: {metrics: [roc_auc]}\\n"
    ... )
    >>> dags = {}
    >>> load_pipelines(dags, folder)
    >>> list(dags)
    ['churn__train']
    """
    root = _pipelines_folder(namespace, folder)
    owners: dict[str, Path] = {}
    profile = profile or _environment_profile()
    with _parse_cache() as cache:
        for file in _files_to_build(root):
            try:
                pipeline = load_pipeline(file, profile, root=root, cache=cache)
                _check_owner(pipeline, file, owners)
                dags = _build(pipeline, file)
            except ConfigError as error:
                if strict:
                    raise
                dags = _faulty_dag(file, str(error), namespace)
            namespace.update(dags)


def _pipelines_folder(namespace: MutableMapping[str, Any], folder: str | Path | None) -> Path:
    dag_file = Path(str(namespace.get("__file__", ".")))
    root = (dag_file.parent / (folder or "pipelines")).resolve()
    if not root.is_dir():
        raise ConfigError(f"{root}: no such folder: create it, or pass the right folder to load_pipelines()")
    return root


def build_dags(namespace: MutableMapping[str, Any], *pipelines: Pipeline) -> None:
    """Build the DAGs of pipelines that are written in Python into a module's namespace.

    While a task runs, only the DAGs of its own pipeline are built.

    :param namespace: ``globals()`` of the DAG file; relative paths start from that file's folder.
    :param pipelines: the pipelines.
    :raises ConfigError: for a value that is not a Pipeline, and for two pipelines with one name.

    >>> from airflow_mlops import Data, Evaluate, Pipeline, Source, Train
    >>> churn = Pipeline(
    ...     name="churn",
    ...     data=Data(source=Source(type="csv", filepath="customers.csv"), target="churned"),
    ...     train=Train(estimator="sklearn.tree.DecisionTreeClassifier"),
    ...     evaluate=Evaluate(metrics=("roc_auc",)),
    ... )
    >>> dags = {}
    >>> build_dags(dags, churn)
    >>> list(dags)
    ['churn__train']
    """
    folder = Path(str(namespace.get("__file__", "."))).absolute().parent
    names: set[str] = set()
    for pipeline in pipelines:
        if not isinstance(pipeline, Pipeline):
            kind = type(pipeline).__name__
            raise ConfigError(f"build_dags() expects a Pipeline, got {kind}: write Pipeline(**values)")
        if pipeline.name in names:
            raise ConfigError(f"build_dags(): two pipelines have the name {pipeline.name!r}: rename one")
        names.add(pipeline.name)
    running = _running_pipeline()
    selected = [pipeline for pipeline in pipelines if pipeline.name == running]
    for pipeline in selected or pipelines:
        namespace.update(build(pipeline, base=str(folder)))


def build_file(file: Path, root: Path) -> dict[str, DAG]:
    """Return the DAGs of one pipeline file by id; raises ConfigError with every fault of the file.

    :param root: folder where the search for ``defaults.yaml`` ends.
    """
    with _parse_cache() as cache:
        return _build(load_pipeline(file, _environment_profile(), root=root, cache=cache), file)


def _environment_profile() -> str | None:
    return os.environ.get(PROFILE) or None


def _parse_cache() -> AbstractContextManager[ParseCache | None]:
    """Open ``[mlops] parse_cache``; an empty setting switches it off."""
    folder = str(conf.get("mlops", "parse_cache", fallback="")).strip()
    return ParseCache(Path(os.path.expanduser(folder))) if folder else nullcontext()  # noqa: PTH111 - never raises


def _running_pipeline() -> str:
    """Return the name of the pipeline whose task this process runs, or "" in a process that parses all."""
    dag_id = get_parsing_context().dag_id
    return dag_id.rpartition("__")[0] if dag_id else ""


def _files_to_build(root: Path) -> Iterable[Path]:
    """Return the pipeline files in a folder; only those of the running pipeline while a task runs."""
    files = pipeline_files(root)
    name = _running_pipeline()
    return [file for file in files if name and _has_name(file, name)] or files


def _has_name(file: Path, name: str) -> bool:
    """Return whether the file seems to hold the pipeline ``name``: a cheap check before it is parsed."""
    try:
        text = read_text(file)
    except ConfigError:
        return False
    return bool(re.search(rf"^[\"']?name[\"']?\s*:\s*[\"']?{re.escape(name)}\b", text, re.MULTILINE))


def _check_owner(pipeline: Pipeline, file: Path, owners: dict[str, Path]) -> None:
    other = owners.setdefault(pipeline.name, file)
    if other is not file:
        raise ConfigError(f"{file}:1:1: name: {pipeline.name!r} is already the name of {other.name}")


def _build(pipeline: Pipeline, file: Path) -> dict[str, DAG]:
    try:
        return build(pipeline, base=str(file.parent))
    except Exception as error:  # Airflow rejects some values only when a DAG is built: other files must load
        raise ConfigError(f"{file}:1:1: Airflow cannot build it: {type(error).__name__}: {error}") from error


def _faulty_dag(file: Path, faults: str, taken: Mapping[str, Any]) -> dict[str, DAG]:
    """Return a DAG that fails with the faults; files of one name in several folders have one DAG each."""
    stem = re.sub(r"\W", "_", file.stem)
    numbered = (f"{stem}_{number}__faulty" for number in itertools.count(2))
    dag_id = next(name for name in itertools.chain([f"{stem}__faulty"], numbered) if name not in taken)
    listed = "\n".join(f"- `{line}`" for line in faults.splitlines())
    with DAG(
        dag_id=dag_id,
        schedule=None,
        tags=["mlops", "faulty"],
        doc_md=f"This pipeline file has faults:\n\n{listed}\n",
    ) as dag:
        FaultyPipelineOperator(task_id="faults", faults=faults, retries=0)
    return {dag_id: dag}
