"""The sections of serving: the target, the canary's steps and its guards."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, field_validator

from airflow_mlops.config.class_field import described_by, known_in
from airflow_mlops.config.models.section import Section
from airflow_mlops.config.values import ConnId, Counted, Duration, KeyFault, Number, Whole
from airflow_mlops.rollout.targets import TARGETS

GuardAction = Literal["warn", "pause", "rollback"]


class ErrorRateGuard(Section):
    """Failed predictions of the canary against the champion's."""

    max_ratio: Number = Field(2.0, gt=1, description="Promotion needs evidence that the ratio is below this…")
    tolerance: Number = Field(0.02, gt=0, lt=1, description="…or that the canary's rate is below this.")


class LatencyGuard(Section):
    """Answers slower than the champion's 95th percentile, frozen when the canary begins."""

    max_ratio: Number = Field(2.0, gt=1, description="How many times as often the canary may be that slow.")
    action: GuardAction = Field("rollback", description="What harm does.")


class QualityGuard(Section):
    """Wrong predictions, once the label of a logged request is known (`POST /labels`)."""

    max_ratio: Number = Field(1.5, gt=1, description="Promotion needs evidence that the ratio is below this…")
    tolerance: Annotated[float, Field(gt=0, lt=1), Counted] | None = Field(
        None, description="…or that the wrong share is below this."
    )
    action: GuardAction = Field("rollback", description="What harm does.")


class ShiftGuard(Section):
    """Scores that fall into the champion's deciles more or less often than the champion's own."""

    max_ratio: Number = Field(1.5, gt=1, description="How far a decile may grow or shrink (1/max_ratio).")
    action: GuardAction = Field("warn", description="What a shift does; a better model shifts too.")


class Guards(Section):
    """What is watched during a canary; only errors unless said. `{}` turns one on with its defaults."""

    error_rate: ErrorRateGuard = Field(ErrorRateGuard(), description="Failed predictions.")
    latency_p95: LatencyGuard | None = Field(None, description="Slow answers.")
    quality: QualityGuard | None = Field(None, description="Wrong predictions.")
    prediction_shift: ShiftGuard | None = Field(None, description="Scores spread differently.")


class Canary(Section):
    """Traffic steps and the sequential test that ends each of them."""

    shadow: Duration | None = Field(
        None, description="Before the first step: how long the version answers copies that nobody sees."
    )
    steps: tuple[Whole, ...] = Field(
        (5, 25, 50), min_length=1, description="Canary traffic per step, percent."
    )
    hold: Duration = Field(timedelta(minutes=30), description="Shortest time of a step.")
    step_timeout: Duration = Field(timedelta(hours=6), description="Longest time of a step.")
    min_requests: Whole = Field(100, ge=1, description="Canary requests that a step needs.")
    guards: Guards = Field(Guards(), description="What ends a canary early when it is worse.")
    alpha: Number = Field(0.05, gt=0, lt=0.5, description="Guaranteed limit of false rollbacks.")
    on_inconclusive: Literal["pause", "promote", "rollback"] = Field(
        "pause", description="What happens when a step times out without enough evidence."
    )
    pause_timeout: Duration = Field(
        timedelta(days=3), description="How long a pause waits for a person before it is rolled back."
    )
    on_newer: Literal["supersede", "wait"] = Field(
        "supersede",
        description="A newer version takes the place of one that waits or is in its canary, or waits for it.",
    )
    poll: Duration = Field(timedelta(seconds=10), description="Time between two looks.")

    @field_validator("steps")
    @classmethod
    def _increasing(cls, steps: tuple[int, ...]) -> tuple[int, ...]:
        for number, step in enumerate(steps):
            if not 0 < step < 100:
                raise KeyFault(f"steps are percents between 1 and 99, got {list(steps)}", number)
            if number and step <= steps[number - 1]:
                raise KeyFault(f"steps must increase, got {list(steps)}", number)
        return steps


class Deploy(Section):
    """Where the model is served and how a new version gets there."""

    target: Annotated[str, known_in(TARGETS)] = Field(
        "local",
        description="What serves the model; a target of one's own is `package.module:Class`.",
        json_schema_extra=described_by(TARGETS),
    )
    conn_id: ConnId = Field("mlops_serving_default", description="Airflow connection of the server.")
    canary: Canary = Field(Canary(), description="How a new version gets its traffic, step by step.")
