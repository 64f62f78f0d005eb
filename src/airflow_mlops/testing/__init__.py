"""Contracts that extensions of airflow-mlops can test themselves against."""
