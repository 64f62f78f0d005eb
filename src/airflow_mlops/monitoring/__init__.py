"""Drift, realised quality and triage of a champion, window by window."""

from airflow_mlops.process_environment import set_library_defaults

set_library_defaults()
