"""Airflow operators, one module per stage."""
