CREATE DATABASE mlflow OWNER airflow;
CREATE DATABASE rollouts OWNER airflow;
