"""Drift, realised quality and triage of a champion, window by window."""

from airflow_mlops.telemetry import switch_off

switch_off()
