"""Turns a pipeline file into DAGs."""
