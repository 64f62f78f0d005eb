"""Airflow hooks: connections to MLflow and to the model server."""
