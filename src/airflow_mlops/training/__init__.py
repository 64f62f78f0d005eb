"""Estimators, metrics, search, the gate, MLflow runs and the registry."""

from airflow_mlops.telemetry import switch_off

switch_off()
