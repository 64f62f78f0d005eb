"""Notification callbacks of a pipeline file."""
