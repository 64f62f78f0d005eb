"""The sections of serving: the target, the canary's steps and its guards."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, field_validator

from airflow_mlops.config.class_field import described_by, known_in
from airflow_mlops.config.models.section import Section
from airflow_mlops.config.values import STRICT_FLOAT, ConnId, Duration, FieldError, StrictFloat, StrictInt
from airflow_mlops.core import canary_defaults
from airflow_mlops.core.connection import SERVING_CONN_ID
from airflow_mlops.rollout.targets import TARGETS

GuardAction = Literal["warn", "pause", "rollback"]


class ErrorRateGuard(Section):
    """Failed predictions of the canary against the champion's."""

    max_ratio: StrictFloat = Field(
        canary_defaults.MAX_RATIO,
        gt=1,
        description="Promotion needs evidence that the ratio is below this…",
    )
    tolerance: Annotated[float, Field(gt=0, lt=1), STRICT_FLOAT] | None = Field(
        canary_defaults.TOLERANCE,
        description="…or that the canary's rate is below this. Default: `max_ratio` times the rate that the "
        "champion is known to fail at least, measured when the rollout begins, within 0.2 % and 2 %.",
    )


class LatencyGuard(Section):
    """Responses slower than the champion's 95th percentile, which is fixed when the canary begins."""

    max_ratio: StrictFloat = Field(
        2.0, gt=1, description="Largest ratio of slow responses, canary to champion."
    )
    action: GuardAction = Field("rollback", description="Action on harm.")


class QualityGuard(Section):
    """Wrong predictions, as soon as logged requests have labels (`POST /labels`)."""

    max_ratio: StrictFloat = Field(
        1.5, gt=1, description="Promotion needs evidence that the ratio is below this…"
    )
    tolerance: Annotated[float, Field(gt=0, lt=1), STRICT_FLOAT] | None = Field(
        None, description="…or that the share of wrong predictions is below this."
    )
    label_delay: Duration | None = Field(
        None,
        description="Age at which a request is judged by its label, in both versions; later labels do not "
        "count. Default: twice the time within which 95 % of the labels come.",
    )
    action: GuardAction = Field("rollback", description="Action on harm.")


class ShiftGuard(Section):
    """Distribution of the canary's scores over the champion's deciles."""

    max_ratio: StrictFloat = Field(
        1.5, gt=1, description="Largest growth of a decile; shrinking: 1/max_ratio."
    )
    action: GuardAction = Field("warn", description="Action on a shift; a better model shifts scores too.")


class Guards(Section):
    """Guards of a canary; only `error_rate` is on by default. `{}` turns a guard on with its defaults."""

    error_rate: ErrorRateGuard = Field(ErrorRateGuard(), description="Failed predictions.")
    latency_p95: LatencyGuard | None = Field(None, description="Slow responses.")
    quality: QualityGuard | None = Field(None, description="Wrong predictions.")
    prediction_shift: ShiftGuard | None = Field(None, description="Shifted scores.")


class Canary(Section):
    """Traffic steps, and the sequential test that ends each step."""

    shadow: Duration | None = Field(
        None,
        description="Time before the first step in which the version answers copies of requests, unseen.",
    )
    steps: tuple[StrictInt, ...] = Field(
        canary_defaults.STEPS, min_length=1, description="Canary traffic per step, in percent."
    )
    hold: Duration = Field(canary_defaults.HOLD, description="Shortest duration of a step.")
    step_timeout: Duration = Field(canary_defaults.STEP_TIMEOUT, description="Longest duration of a step.")
    settle: Duration = Field(
        canary_defaults.SETTLE,
        description="First time of a version with traffic whose latency is reported and not judged.",
    )
    min_requests: StrictInt = Field(
        canary_defaults.MIN_REQUESTS, ge=1, description="Canary requests that a step needs."
    )
    guards: Guards = Field(Guards(), description="Checks that end a worse canary early.")
    alpha: StrictFloat = Field(
        canary_defaults.ALPHA, gt=0, lt=0.5, description="Guaranteed upper bound of the false rollback rate."
    )
    on_inconclusive: Literal["pause", "promote", "rollback"] = Field(
        canary_defaults.ON_INCONCLUSIVE, description="Action when a step times out without enough evidence."
    )
    pause_timeout: Duration = Field(
        canary_defaults.PAUSE_TIMEOUT,
        description="How long a paused canary waits for a decision before it is rolled back.",
    )
    on_newer: Literal["supersede", "wait"] = Field(
        "supersede",
        description="Whether a newer version supersedes a waiting or running rollout, or waits for it.",
    )
    poll: Duration = Field(timedelta(seconds=10), description="Polling interval.")

    @field_validator("steps")
    @classmethod
    def _increasing(cls, steps: tuple[int, ...]) -> tuple[int, ...]:
        for number, step in enumerate(steps):
            if not 0 < step < 100:
                raise FieldError(f"steps must be percentages between 1 and 99, got {list(steps)}", number)
            if number and step <= steps[number - 1]:
                raise FieldError(f"steps must increase, got {list(steps)}", number)
        return steps


class Deploy(Section):
    """Where the model is served and how a new version gets there."""

    target: Annotated[str, known_in(TARGETS)] = Field(
        "local",
        description="What serves the model; a target of one's own is `package.module:Class`.",
        json_schema_extra=described_by(TARGETS),
    )
    conn_id: ConnId = Field(SERVING_CONN_ID, description="Airflow connection of the server.")
    canary: Canary = Field(Canary(), description="How traffic is shifted to a new version, step by step.")
