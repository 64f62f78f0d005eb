"""Registers the importer of ``*.mlops.yaml`` files with Airflow.

The plugin calls it in the DAG processor, the scheduler and tasks, the command line in ``airflow`` commands,
which load no plugins. Both do so before a DAG file is parsed.
"""

from __future__ import annotations


def register_importer() -> bool:
    """Register the importer, once; importers of other YAML files stay reachable through it.

    :return: whether this Airflow has DAG importers; without them ``load_pipelines()`` builds the DAGs.
    """
    try:
        from airflow.dag_processing.importers import get_importer_registry

        from airflow_mlops.factory.importer import PipelineFileImporter
    except ImportError:
        return False
    registry = get_importer_registry()
    extensions = PipelineFileImporter.supported_extensions()
    importers = {extension: registry.get_importer(f"any{extension}") for extension in extensions}
    if not any(isinstance(importer, PipelineFileImporter) for importer in importers.values()):
        others = {extension: importer for extension, importer in importers.items() if importer}
        registry.register(PipelineFileImporter(others))
    return True
