"""Rows in and out: sources, datasets, validation, quarantine, features."""

from airflow_mlops.telemetry import switch_off

switch_off()
