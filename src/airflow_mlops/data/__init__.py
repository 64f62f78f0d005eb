"""Rows in and out: sources, datasets, validation, quarantine, features."""

from airflow_mlops.process_environment import set_library_defaults

set_library_defaults()
