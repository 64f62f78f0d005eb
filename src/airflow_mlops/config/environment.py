"""The environment's say in how pipeline files are read."""

from __future__ import annotations

from typing import Final

PROFILE: Final = "AIRFLOW_MLOPS_PROFILE"
"""Names the profile of every file when nobody else does."""
