"""Builds the DAGs of every file in `pipelines/` beside this one."""

from airflow_mlops import load_pipelines

load_pipelines(globals())
