"""Estimators, metrics, search, the gate, MLflow runs and the registry."""

from airflow_mlops.process_environment import set_library_defaults

set_library_defaults()
