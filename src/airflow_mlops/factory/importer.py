"""Makes ``*.mlops.yaml`` files DAG files of their own, where Airflow has DAG importers.

Airflow 3.2 and 3.3 ask the importers whenever they fill a ``DagBag``: in ``airflow dags list --local``,
``dags test`` and ``dags reserialize``, and when a task starts. Their DAG processor still lists Python
files only, so that these versions need ``load_pipelines()`` for DAGs that are scheduled.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from airflow.dag_processing.importers import (
    AbstractDagImporter,
    DagImportError,
    DagImportResult,
)

from airflow_mlops.core.errors import ConfigError

SUFFIXES: Final = (".mlops.yaml", ".mlops.yml")


class PipelineFileImporter(AbstractDagImporter):
    """Builds the DAGs of ``*.mlops.yaml`` files; leaves other YAML files to the importer that had them.

    Airflow keeps one importer per extension, and ``.mlops.yaml`` ends in ``.yaml``.

    :param others: importers of other YAML files, by extension.
    """

    def __init__(self, others: dict[str, AbstractDagImporter] | None = None) -> None:
        self.others = others or {}

    @classmethod
    def supported_extensions(cls) -> list[str]:
        """Return the extensions that Airflow offers to this importer."""
        return [".yaml", ".yml"]

    def can_handle(self, file_path: str | Path) -> bool:
        """Return whether this is a pipeline file, or one that another importer can handle."""
        other = self._other(file_path)
        return is_pipeline_file(file_path) or bool(other and other.can_handle(file_path))

    def list_dag_files(self, directory: str | os.PathLike[str], safe_mode: bool = True) -> Iterator[str]:
        """Yield the pipeline files in a folder, except those in ``.airflowignore``, and files of others."""
        # The heuristic of safe mode looks for Python: the name of the file decides in its place.
        yield from filter(is_pipeline_file, super().list_dag_files(directory, safe_mode=False))
        for other in set(self.others.values()):
            yield from other.list_dag_files(directory, safe_mode)

    def import_file(
        self,
        file_path: str | Path,
        *,
        bundle_path: Path | None = None,
        bundle_name: str | None = None,
        safe_mode: bool = True,
    ) -> DagImportResult:
        """Build the DAGs of a file; its faults become one import error with file, line and column of each."""
        if is_pipeline_file(file_path):
            return self._import_pipeline(Path(file_path), bundle_path)
        if other := self._other(file_path):
            return other.import_file(
                file_path, bundle_path=bundle_path, bundle_name=bundle_name, safe_mode=safe_mode
            )
        name = self.get_relative_path(file_path, bundle_path)
        return DagImportResult(file_path=name, skipped_files=[str(file_path)])

    def _other(self, file_path: str | Path) -> AbstractDagImporter | None:
        return self.others.get(Path(file_path).suffix.lower())

    def _import_pipeline(self, file: Path, bundle_path: Path | None) -> DagImportResult:
        from airflow_mlops.factory.load import build_file  # Airflow loads plugins in every process

        name = self.get_relative_path(file, bundle_path)
        result = DagImportResult(file_path=name)
        try:
            dags = build_file(file, bundle_path or file.parent)
        except ConfigError as error:
            result.errors.append(DagImportError(name, str(error), error_type="config"))
            return result
        for dag in dags.values():
            dag.fileloc, dag.relative_fileloc = str(file), name
            result.dags.append(dag)
        return result


def is_pipeline_file(file_path: str | Path) -> bool:
    """Return whether a file is a DAG file of this package by its name."""
    return Path(file_path).name.lower().endswith(SUFFIXES)
