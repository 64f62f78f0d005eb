"""Rolling out a version: the plan, the judge, the state machine. Pure; see ``backends.rollout``."""

from __future__ import annotations

from airflow_mlops.core.rollout.judgement import Judgement, judge
from airflow_mlops.core.rollout.machine import (
    Action,
    Ensure,
    SetWeight,
    advance,
    begin_move,
    close,
    conflict,
    decide,
    restore,
    wanted,
)
from airflow_mlops.core.rollout.state import (
    TERMINAL,
    Counts,
    EpochCounts,
    Health,
    Observation,
    Phase,
    RolloutPlan,
    RolloutState,
    Transition,
    new_state,
    result,
    rollback_to,
    rollout_id,
)

__all__ = [
    "TERMINAL",
    "Action",
    "Counts",
    "Ensure",
    "EpochCounts",
    "Health",
    "Judgement",
    "Observation",
    "Phase",
    "RolloutPlan",
    "RolloutState",
    "SetWeight",
    "Transition",
    "advance",
    "begin_move",
    "close",
    "conflict",
    "decide",
    "judge",
    "new_state",
    "restore",
    "result",
    "rollback_to",
    "rollout_id",
    "wanted",
]
