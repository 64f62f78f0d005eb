"""The versions of a registered model: roles, figures, verdict, approval, outcome of the rollout."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from airflow_mlops.core.records.deployment import APPROVE, REJECT
from airflow_mlops.core.tags import (
    APPROVAL,
    APPROVAL_AT,
    APPROVAL_BY,
    EVALUATION,
    POSITIVE_CLASS,
    ROLLOUT_AT,
    ROLLOUT_ID,
    ROLLOUT_OUTCOME,
    ROLLOUT_REASON,
    metric_of,
)
from airflow_mlops.core.utc import in_utc
from airflow_mlops.views.view import View, parsed_time

if TYPE_CHECKING:
    from airflow_mlops.training.registry import Registry, Version

ROLES: Final = ("champion", "challenger", "previous")
_VERBS: Final = {APPROVE: "approved", REJECT: "rejected"}


@dataclass(frozen=True, kw_only=True)
class ApprovalView(View):
    """The answer of people: ``Approve``, ``Reject``, or how many have approved, as ``1 of 2``.

    ``by`` may be empty and ``at`` None when not stored.
    """

    answer: str
    by: str
    at: datetime | None

    @property
    def verb(self) -> str:
        """The answer as ``approved`` or ``rejected``."""
        return _VERBS.get(self.answer, f"approved ({self.answer})")

    @property
    def final(self) -> bool:
        """Whether no further person has to answer."""
        return self.answer in _VERBS


@dataclass(frozen=True, kw_only=True)
class RolloutOutcome(View):
    """How the last rollout of a version ended, as its tags say."""

    rollout_id: str
    outcome: str
    reason: str
    at: datetime | None


@dataclass(frozen=True, kw_only=True)
class VersionView(View):
    """One version.

    ``role`` is champion, challenger, previous or empty; ``metrics`` are figures on the hold-out rows,
    of the class ``of_class`` of two (empty: it goes without saying);
    ``evaluation`` is the verdict of the gate, empty for a version that was registered by hand.
    """

    version: int
    created: datetime
    role: str
    aliases: tuple[str, ...]
    metrics: Mapping[str, float]
    of_class: str
    evaluation: str
    approval: ApprovalView | None
    rollout: RolloutOutcome | None
    run_id: str
    model_uri: str

    def age(self, now: datetime) -> timedelta:
        """Return the time since the version was registered."""
        return in_utc(now) - self.created


@dataclass(frozen=True, kw_only=True)
class VersionsView(View):
    """All versions of a model, newest first, and those with a role."""

    name: str
    champion: VersionView | None = None
    challenger: VersionView | None = None
    previous: VersionView | None = None
    versions: tuple[VersionView, ...] = ()


def read_versions(registry: Registry) -> VersionsView:
    """Read the versions of a registered model; raises BackendError when MLflow does not answer."""
    versions = tuple(map(version_view, registry.versions()))
    roles = {role: next((item for item in versions if role in item.aliases), None) for role in ROLES}
    return VersionsView(name=registry.name, versions=versions, **roles)


def version_view(version: Version) -> VersionView:
    """Return the view of one version; a tag that is missing or damaged is left out."""
    tags = version.tags
    return VersionView(
        version=version.version,
        created=in_utc(datetime.fromisoformat(version.created)),
        role=next((role for role in ROLES if role in version.aliases), ""),
        aliases=version.aliases,
        metrics=_metrics(tags),
        of_class=tags.get(POSITIVE_CLASS, ""),
        evaluation=tags.get(EVALUATION, ""),
        approval=_approval(tags),
        rollout=_outcome(tags),
        run_id=version.run_id,
        model_uri=version.model_uri,
    )


def _metrics(tags: Mapping[str, str]) -> dict[str, float]:
    found = {}
    for key, text in tags.items():
        name = metric_of(key)
        if name is not None:
            with suppress(ValueError):
                found[name] = float(text)
    return found


def _approval(tags: Mapping[str, str]) -> ApprovalView | None:
    answer = tags.get(APPROVAL)
    if not answer:
        return None
    at = parsed_time(tags.get(APPROVAL_AT, ""))
    return ApprovalView(answer=answer, by=tags.get(APPROVAL_BY, ""), at=at)


def _outcome(tags: Mapping[str, str]) -> RolloutOutcome | None:
    outcome = tags.get(ROLLOUT_OUTCOME)
    if not outcome:
        return None
    return RolloutOutcome(
        rollout_id=tags.get(ROLLOUT_ID, ""),
        outcome=outcome,
        reason=tags.get(ROLLOUT_REASON, ""),
        at=parsed_time(tags.get(ROLLOUT_AT, "")),
    )
