"""The DAGs of `churn_dag.yaml`, for Airflow (it reads only files that contain both words)."""

from pathlib import Path

from dagfactory import load_yaml_dags

load_yaml_dags(globals(), config_filepath=str(Path(__file__).with_name("churn_dag.yaml").absolute()))
