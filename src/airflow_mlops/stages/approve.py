"""Approve: people are asked with the evidence, and their answers are kept on the version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_mlops.core.errors import ConfigError, NothingToDo
from airflow_mlops.core.records import Answer, Approval, ApprovalRequest, Comparison, DeployRequest
from airflow_mlops.core.records.deployment import APPROVE
from airflow_mlops.core.tags import APPROVAL, APPROVAL_ANSWERS, APPROVAL_AT, APPROVAL_BY
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.approvers import answer_of, approvers_of, author_line, refusal_of, request_of


def run(call: StageCall) -> ApprovalRequest | Approval:
    """Return what to ask; with the option ``answer`` (fields of Answer) return the approval.

    The input ``before`` is the approval by earlier people. The answer is written to the tags of the version
    at once, and a rejected version stops being the challenger. An answer that does not count, such as that of
    the author, is followed by another request, whose ``refused`` says why. Raises NothingToDo for a rollback,
    which nobody has to approve, ConfigError when nobody could answer.
    """
    request, section = call.input("request", DeployRequest), call.pipeline.approve
    if section is None:
        raise ConfigError(f"pipeline {call.pipeline.name} must have an `approve` section")
    if request.action == "rollback":
        raise NothingToDo("rollbacks skip approval")
    approvers = approvers_of(section, _authors(request))
    earlier = _earlier(call, request, section.needs)
    answer = answer_of(call)
    refused = refusal_of(call, approvers, answer, earlier) if answer else ""
    if answer and not refused:
        return _kept(call, request, answer, earlier, section.needs)
    subject = f"Deploy version {request.model_version} of {request.name}?"
    body = "\n".join(_evidence(request))
    return request_of(call, section, approvers, earlier, subject=subject, body=body, refused=refused)


def _authors(request: DeployRequest) -> dict[str, str]:
    """Return what the author of the model and the person who asked for the deploy did, by their names."""
    found = {request.author: "started the training"} if request.author else {}
    if request.requested_by:
        did = found.get(request.requested_by)
        asked = "requested this deploy"
        found[request.requested_by] = f"{did} and {asked}" if did else asked
    return found


def _earlier(call: StageCall, request: DeployRequest, needs: int) -> tuple[Answer, ...]:
    """Return the approvals so far of this version; a request after enough of them starts from the first."""
    before = call.optional("before", Approval)
    if before is None or before.model_version != request.model_version or len(before.answers) >= needs:
        return ()
    return before.answers


def _kept(
    call: StageCall, request: DeployRequest, answer: Answer, earlier: Sequence[Answer], needs: int
) -> Approval:
    """Return the approval with one more answer, and write it to the tags of the version."""
    registry, approves = call.registry, answer.chosen == APPROVE
    answers = (*earlier, answer)
    missing = max(0, needs - len(answers)) if approves else 0
    tags = {
        APPROVAL: f"{len(answers)} of {needs}" if missing else answer.chosen,
        APPROVAL_BY: ", ".join(item.by for item in answers) if approves else answer.by,
        APPROVAL_AT: answer.at,
    }
    if needs > 1:
        tags[APPROVAL_ANSWERS] = "; ".join(f"{item.chosen} by {item}" for item in answers)
    registry.tag(request.model_version, tags)
    if not approves and registry.get("challenger") == request.model_version:
        registry.delete("challenger")
    return Approval(
        name=request.name,
        model_version=request.model_version,
        chosen=answer.chosen,
        by=tags[APPROVAL_BY],
        at=answer.at,
        answers=answers,
        missing=missing,
    )


def _evidence(request: DeployRequest) -> Iterator[str]:
    """Yield the lines of the request in Markdown."""
    yield "| | |"
    yield "|---|---|"
    yield f"| model | `{request.name}` |"
    yield f"| requested version | **{request.model_version}** |"
    yield f"| champion | {request.champion_version or 'none: this is the first version'} |"
    yield author_line(request.author)
    if request.requested_by:
        yield f"| deploy requested by | {request.requested_by} |"
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
