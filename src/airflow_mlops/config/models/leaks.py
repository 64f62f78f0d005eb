"""The section of the leak probe."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.values import Text


def action_mapping(value: Any) -> Any:
    """Return the mapping that plain text stands for as ``evaluate.leaks``.

    >>> action_mapping("refuse")
    {'action': 'refuse'}
    """
    return {"action": value} if isinstance(value, str) else value


class Leaks(Section):
    """The leak probe: whether one feature alone tells the target; the action may be plain text."""

    action: Literal["warn", "refuse"] = Field(
        "warn", description="What a possible leak does: a warning, or no training."
    )
    allow: tuple[Text, ...] = Field(
        (), description="Features that are known before the event, however well they tell the target."
    )
