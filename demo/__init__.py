"""Runs the example pipeline of `dags/` on a real Airflow, with everything embedded."""
