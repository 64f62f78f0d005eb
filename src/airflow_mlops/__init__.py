"""The whole life of a machine-learning model on Apache Airflow 3, from one small YAML file."""
