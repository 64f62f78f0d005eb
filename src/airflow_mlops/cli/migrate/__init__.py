"""``airflow-mlops migrate``: an MLflow recipe becomes a pipeline file, and a report of every value."""
