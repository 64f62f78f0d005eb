"""The command ``migrate``: converts an MLflow recipe into a pipeline file, and reports on every value."""
