"""Builds the DAGs of every file in `pipelines/`; this is all that Airflow needs to see."""

from airflow_mlops import load_pipelines

load_pipelines(globals())
