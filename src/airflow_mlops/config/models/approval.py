"""The section of the human approval."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.values import Duration, Text


class Approve(Section):
    """Human approval before traffic is shifted."""

    by: tuple[Text, ...] = Field(min_length=1, description="Airflow users who may approve.")
    within: Duration = Field(timedelta(hours=24), description="Time limit of the approval.")
    on_timeout: Literal["reject", "approve"] = Field(
        "reject", description="Decision when nobody has answered in time."
    )
