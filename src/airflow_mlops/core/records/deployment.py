"""The records of a deploy: request, approval, rollout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_mlops.core.record import Record
from airflow_mlops.core.records.answers import APPROVE as APPROVE
from airflow_mlops.core.records.answers import REJECT as REJECT
from airflow_mlops.core.records.answers import Answer
from airflow_mlops.core.records.training import Comparison


@dataclass(frozen=True, kw_only=True)
class DeployRequest(Record):
    """What a deploy run is about: the version, the champion on record, and why the gate let it pass.

    ``action`` is ``deploy`` or ``rollback``; ``request`` names the run when a person asked for it, so that
    the same version can be asked for again. ``agreement`` says how the version and its judged twin agree on
    the hold-out, ``caution`` what is striking about it and what the gate could not know, ``of_class`` the
    class of the metrics. ``compared_with`` is the version of the ``comparisons``, which need not be the
    champion any more.
    """

    name: str
    action: str
    model_version: int
    champion_version: int | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    reason: str = ""
    request: str = ""
    agreement: str = ""
    caution: str = ""
    compared_with: int | None = None
    of_class: str = ""
    author: str = ""
    requested_by: str = ""

    @property
    def summary(self) -> str:
        """Action, version and champion."""
        champion = self.champion_version
        beside = f"beside champion version {champion}" if champion else "the first: there is no champion yet"
        return f"{self.action} version {self.model_version}, {beside}"


@dataclass(frozen=True, kw_only=True)
class ApprovalRequest(Record):
    """What people are asked before a deploy.

    ``body`` is Markdown with the evidence, ``by`` names who may answer, ``within_s`` is the time to answer in
    seconds, ``on_timeout`` the answer when nobody does: ``Approve`` or ``Reject``. ``barred`` maps others
    whom the pipeline names to the reason why they may not approve. ``refused`` says why the answer that was
    given does not count, so that people are asked again.
    """

    subject: str
    body: str
    by: tuple[str, ...]
    within_s: float
    on_timeout: str
    barred: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Approval(Record):
    """The answer to an approval request: what was ``chosen`` (``Approve`` or ``Reject``), by whom, when.

    ``answers`` are those of all people so far, ``missing`` is how many people still have to approve.
    """

    name: str
    model_version: int
    chosen: str
    by: str
    at: str
    answers: tuple[Answer, ...] = ()
    missing: int = 0

    @property
    def approved(self) -> bool:
        """Whether the deploy may proceed."""
        return self.chosen == APPROVE and not self.missing

    @property
    def unfinished(self) -> bool:
        """Whether further people have to approve."""
        return self.chosen == APPROVE and self.missing > 0

    @property
    def summary(self) -> str:
        """Answer and people."""
        if self.unfinished:
            return f"approved by {self.by}, {self.missing} more to approve"
        return f"{'approved' if self.approved else 'rejected'} by {self.by}"

    @property
    def rejection(self) -> str:
        """Who rejected the version."""
        if self.chosen == APPROVE:
            return ""
        return f"version {self.model_version} was rejected by {self.by}"


@dataclass(frozen=True, kw_only=True)
class RolloutResult(Record):
    """How a rollout ended: ``outcome`` is a terminal state name, ``evidence`` what decided it."""

    rollout_id: str
    name: str
    model_version: int
    champion_version: int | None
    outcome: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()

    @property
    def summary(self) -> str:
        """Outcome and reason."""
        return f"{self.outcome}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class RolloutWait(Record):
    """A rollout that has not ended: run the stage again when it has moved.

    ``rollout_id`` is empty while another rollout of the model has to end first. ``target`` and ``conn_id``
    say where its traffic is; ``poll_s`` is the polling interval in seconds.
    """

    name: str
    rollout_id: str
    target: str
    conn_id: str
    poll_s: float


@dataclass(frozen=True, kw_only=True)
class TrafficCheck(Record):
    """The phase that a rollout was left in, ``none`` when there was no rollout."""

    phase: str

    @property
    def summary(self) -> str:
        """The phase."""
        return "no rollout" if self.phase == "none" else f"rollout {self.phase}"
