"""Approve: people are asked with the evidence, and their answer is kept on the version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_mlops.core.errors import ConfigError, NothingToDo
from airflow_mlops.core.records import Approval, ApprovalRequest, Comparison, DeployRequest
from airflow_mlops.core.records.deployment import APPROVE, REJECT
from airflow_mlops.core.tags import APPROVAL, APPROVAL_AT, APPROVAL_BY
from airflow_mlops.lifecycle.call import StageCall


def run(call: StageCall) -> ApprovalRequest | Approval:
    """Return what to ask; with the option ``answer`` (``chosen``, ``by``, ``at``) return the approval.

    The answer is written to the tags of the version at once, and a rejected version stops being the
    challenger. Raises NothingToDo for a rollback, which nobody has to approve.
    """
    request, section = call.input("request", DeployRequest), call.pipeline.approve
    if section is None:
        raise ConfigError(f"pipeline {call.pipeline.name} must have an `approve` section")
    if request.action == "rollback":
        raise NothingToDo("rollbacks skip approval")
    answer = call.options.get("answer")
    if answer is not None:
        return _kept(
            call, request, Approval(name=request.name, model_version=request.model_version, **answer)
        )
    return ApprovalRequest(
        subject=f"Deploy version {request.model_version} of {request.name}?",
        body="\n".join(_evidence(request)),
        by=section.by,
        within_s=section.within.total_seconds(),
        on_timeout=APPROVE if section.on_timeout == "approve" else REJECT,
    )


def _kept(call: StageCall, request: DeployRequest, approval: Approval) -> Approval:
    registry = call.registry
    registry.tag(
        request.model_version,
        {
            APPROVAL: approval.chosen,
            APPROVAL_BY: approval.by,
            APPROVAL_AT: approval.at,
        },
    )
    if not approval.approved and registry.get("challenger") == request.model_version:
        registry.delete("challenger")
    return approval


def _evidence(request: DeployRequest) -> Iterator[str]:
    """Yield the lines of the request in Markdown."""
    yield "| | |"
    yield "|---|---|"
    yield f"| model | `{request.name}` |"
    yield f"| requested version | **{request.model_version}** |"
    yield f"| champion | {request.champion_version or 'none: this is the first version'} |"
    if request.of_class:
        yield f"| positive class | {request.of_class} |"
    for name, value in request.metrics.items():
        yield f"| {name} | {value:.4f} |"
    if request.agreement:
        yield f"| agreement with the judged model | {request.agreement} |"
    if request.caution:
        yield ""
        yield f"- **caution**: {request.caution}"
    other = request.compared_with not in (None, request.champion_version)
    whom = f"version {request.compared_with}, the champion of that time," if other else "the champion"
    yield from comparison_lines(request.comparisons, whom)


def comparison_lines(comparisons: Sequence[Comparison], whom: str) -> Iterator[str]:
    """Yield a list of comparisons in Markdown, with the line that goes before it."""
    if comparisons:
        yield ""
    for item in comparisons:
        limit = f"limit {item.limit}" if item.limit else "no limit"
        yield (
            f"- **{item.metric}** {item.difference:+.4f} against {whom} on the same rows "
            f"(95 % interval {item.low:+.4f} to {item.high:+.4f}, {limit})"
        )
