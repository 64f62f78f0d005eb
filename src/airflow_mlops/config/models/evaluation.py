"""The section of the gate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from airflow_mlops.config.models.budget import Budget
from airflow_mlops.config.models.holdout import Holdout
from airflow_mlops.config.models.leaks import Leaks, action_mapping
from airflow_mlops.config.models.section import Section, short_forms
from airflow_mlops.config.models.source import Source
from airflow_mlops.config.values import FieldError, GroupMeasure, Limit, Metric, StrictInt


class Evaluate(Section):
    """The gate: metrics, floors, and the comparison with the champion on one hold-out."""

    metrics: tuple[Metric, ...] = Field(
        min_length=1, description="Metrics to compute; tuning optimises the first one."
    )
    require: dict[Metric, Limit] = Field(default_factory=dict, description="Limit per metric, as `>= 0.8`.")
    against_champion: dict[Metric, Limit] | None = Field(
        default_factory=dict,
        description="Limit per metric, on the lower confidence bound of challenger minus champion. Without "
        "it, a model that is clearly worse by the first metric is refused; `off`: shown, never refused.",
    )
    on_inconclusive: Literal["reject", "ask", "accept"] | None = Field(
        None,
        description="Decision when the hold-out does not show whether the limits against earlier versions, "
        "or between groups, are met; `reject` when there are limits, else `accept`.",
    )
    against_anchor: dict[Metric, Limit] | None = Field(
        default_factory=dict,
        description="Limit per metric of the total loss since the best earlier champion; by default those of "
        "`against_champion`, at most 0. `off`: losses may add up.",
    )
    slices: dict[str, Annotated[dict[Metric, Limit], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Limits per column of the raw rows, which each value of the column must meet.",
    )
    slices_against_champion: dict[str, Annotated[dict[Metric, Limit], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Limits per column of the raw rows on challenger minus champion; a model that is clearly "
        "beyond its limit for one value of the column is refused.",
    )
    groups: dict[str, Annotated[dict[GroupMeasure, Limit], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Limits per column of the raw rows on differences between the groups of its values.",
    )
    budget: Budget | None = Field(None, description="What the logged model may cost when it is served.")
    holdout: Holdout | None = Field(
        None, description="Which rows are held out; the share `data.holdout` when left out."
    )
    leaks: Annotated[Leaks | None, BeforeValidator(action_mapping)] = Field(
        Leaks(),
        description="What happens to features that alone tell the target: `warn`, `refuse` or `off`.",
        json_schema_extra=short_forms("string"),
    )
    min_slice_rows: StrictInt = Field(
        100,
        ge=1,
        description="Minimum hold-out rows per slice or group; smaller ones are reported, not gated.",
    )

    @property
    def test_set(self) -> Source | None:
        """The source of a test set of its own, None when rows of the data are held out."""
        return self.holdout.source if self.holdout else None

    @property
    def champion_limits(self) -> dict[str, str]:
        """The limits against the champion; empty when there are none or they are off."""
        return dict(self.against_champion or {})

    @property
    def anchor_limits(self) -> dict[str, str]:
        """The limits against the anchor that the file gives."""
        return dict(self.against_anchor or {})

    @property
    def asks(self) -> bool:
        """Whether a person decides without enough evidence, so that the task ``decide`` exists."""
        return self.on_inconclusive == "ask" and (self.against_champion is not None or bool(self.groups))

    @property
    def policy(self) -> str:
        """What is done without enough evidence."""
        return self.on_inconclusive or ("reject" if self.against_champion else "accept")

    @property
    def policy_of_parts(self) -> str:
        """What is done without enough evidence about slices, or about differences between groups."""
        return self.on_inconclusive or "reject"

    @model_validator(mode="after")
    def _slices_are_compared(self) -> Evaluate:
        if self.slices_against_champion and self.against_champion is None:
            raise FieldError(
                "against_champion is off, so that nothing is refused: remove one of the two",
                "slices_against_champion",
            )
        return self
