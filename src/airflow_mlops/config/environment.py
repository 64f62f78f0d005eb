"""Environment variables that change how pipeline files are read."""

from __future__ import annotations

from typing import Final

PROFILE: Final = "AIRFLOW_MLOPS_PROFILE"
"""Names the profile of every file for which no profile is chosen otherwise."""
