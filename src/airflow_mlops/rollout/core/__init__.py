"""Rolling out a version: plan, evidence, state machine. Pure: ``rollout.driver`` has the effects."""

from __future__ import annotations

from airflow_mlops.rollout.core.actions import Action, Ensure, SetWeight, Shadow, wanted
from airflow_mlops.rollout.core.guards import GuardPlan
from airflow_mlops.rollout.core.judgement import Judgement, judge
from airflow_mlops.rollout.core.machine import advance
from airflow_mlops.rollout.core.observation import Counts, EpochCounts, Health, Observation
from airflow_mlops.rollout.core.orders import (
    CHOICES,
    abort,
    begin_move,
    close,
    conflict,
    decide,
    give_up,
    outdated,
    rebased,
    refused,
    restore,
    verified,
    withdrawn,
    write_off,
)
from airflow_mlops.rollout.core.rejections import (
    find_rejection,
    is_of_another_model,
    is_rejection,
    rejection_reason,
)
from airflow_mlops.rollout.core.state import (
    TERMINAL,
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
    "CHOICES",
    "TERMINAL",
    "Action",
    "Counts",
    "Ensure",
    "EpochCounts",
    "GuardPlan",
    "Health",
    "Judgement",
    "Observation",
    "Phase",
    "RolloutPlan",
    "RolloutState",
    "SetWeight",
    "Shadow",
    "Transition",
    "abort",
    "advance",
    "begin_move",
    "close",
    "conflict",
    "decide",
    "find_rejection",
    "give_up",
    "is_of_another_model",
    "is_rejection",
    "judge",
    "new_state",
    "outdated",
    "rebased",
    "refused",
    "rejection_reason",
    "restore",
    "result",
    "rollback_to",
    "rollout_id",
    "verified",
    "wanted",
    "withdrawn",
    "write_off",
]
