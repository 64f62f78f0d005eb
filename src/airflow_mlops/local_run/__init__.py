"""A whole pipeline on this machine: the same stages, records and aliases, without Airflow or a scheduler."""
