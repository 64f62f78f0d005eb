"""The section of the human approval."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.values import Duration, FieldError, StrictInt, Text


class Approve(Section):
    """Human approval before traffic is shifted."""

    by: tuple[Text, ...] = Field(min_length=1, description="Airflow users who may approve.")
    needs: StrictInt = Field(1, ge=1, description="How many different people of `by` must approve.")
    author: Literal["refuse", "allow"] | None = Field(
        None,
        description="Whether a person who started the training or requested the deploy may approve it; "
        "`refuse` by default where `by` has more people than `needs`, else `allow`.",
    )
    within: Duration = Field(timedelta(hours=24), description="Time limit of each request.")
    on_timeout: Literal["reject", "approve"] = Field(
        "reject", description="Decision when nobody has answered in time."
    )

    @model_validator(mode="after")
    def _enough_people(self) -> Approve:
        people = len(set(self.by))
        if self.needs > people:
            raise FieldError(
                f"must be at most {people}, the number of people in `by`, got {self.needs}: name more "
                "people, or ask for fewer approvals",
                "needs",
            )
        if self.needs > 1 and self.on_timeout == "approve":
            raise FieldError(
                f"cannot be approve with needs: {self.needs}: silence is not the approval of a person; write "
                "reject",
                "on_timeout",
            )
        return self

    @property
    def refuses_author(self) -> bool:
        """Whether the author of a model or of a deploy may not approve it."""
        if self.author is None:
            return len(set(self.by)) > self.needs
        return self.author == "refuse"
