"""What the stages approve and decide share: who is asked, and whose answer counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_mlops.config.models import Approve
from airflow_mlops.core.approval_rules import Approvers, unknown_people
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Answer, ApprovalRequest
from airflow_mlops.core.records.deployment import APPROVE, REJECT
from airflow_mlops.lifecycle.call import StageCall


def approvers_of(section: Approve, authors: Mapping[str, str]) -> Approvers:
    """Return the people of a request; ``authors`` maps the name of a person to what they did."""
    return Approvers(by=section.by, needs=section.needs, authors=authors if section.refuses_author else {})


def answer_of(call: StageCall) -> Answer | None:
    """Return the answer that the call brings in its option ``answer``, if it does."""
    given = call.options.get("answer")
    return None if given is None else Answer(**given)


def refusal_of(call: StageCall, approvers: Approvers, answer: Answer, earlier: Sequence[Answer]) -> str:
    """Return why an answer does not count, empty when it does."""
    others = [Answer(**item) for item in call.options.get("others") or ()]
    anonymous = bool(answer.user) and answer.user == _users(call).get("anonymous")
    return approvers.refusal(answer, (*earlier, *others), anonymous=anonymous)


def request_of(
    call: StageCall,
    section: Approve,
    approvers: Approvers,
    earlier: Sequence[Answer],
    *,
    subject: str,
    body: str,
    refused: str = "",
) -> ApprovalRequest:
    """Return what to ask the people who may still approve.

    ``refused`` is why the answer that was given does not count. Raises ConfigError when so few people may
    approve, or are users of Airflow, that no answer could be enough.
    """
    people, barred, users = approvers.open(earlier), approvers.barred(earlier), _users(call)
    unknown = unknown_people(people, users.get("names"), numbers=bool(users.get("numbers")))
    if users.get("anonymous") and (section.needs > 1 or section.author == "refuse"):
        key = f"needs: {section.needs}" if section.needs > 1 else "author: refuse"
        raise ConfigError(
            f"approve.{key} cannot be checked: [core] simple_auth_manager_all_admins lets everybody in as "
            "one user; turn it off, or remove the key, then clear this task"
        )
    _check_enough(approvers.needs - len(earlier), people, barred, unknown, users)
    number = f" (approval {len(earlier) + 1} of {approvers.needs})" if approvers.needs > 1 else ""
    lines = [body, *_about_people(approvers, earlier, barred)]
    if users.get("anonymous"):
        lines.append("- **caution**: Airflow lets everybody in as one user, so who answers is not checked")
    if unknown:
        lines.append(f"- **caution**: Airflow may not know {', '.join(unknown)}: {users.get('hint', '')}")
    return ApprovalRequest(
        subject=subject + number,
        body="\n".join(lines),
        by=people,
        within_s=section.within.total_seconds(),
        on_timeout=APPROVE if section.on_timeout == "approve" else REJECT,
        barred=barred,
        refused=refused,
    )


def _users(call: StageCall) -> Mapping[str, Any]:
    """Return what the caller knows about Airflow's users; nothing outside Airflow."""
    return call.options.get("users") or {}


def author_line(author: str) -> str:
    """Return the row of the request's table about who started the training."""
    return f"| author | {author or 'not known: no person is on record as having started the training'} |"


def _about_people(
    approvers: Approvers, earlier: Sequence[Answer], barred: Mapping[str, str]
) -> Iterator[str]:
    if approvers.needs > 1 or barred:
        yield ""
    if approvers.needs > 1:
        so_far = f", so far {', '.join(answer.by for answer in earlier)}" if earlier else ""
        yield f"- **approvals**: {len(earlier)} of {approvers.needs} different people{so_far}"
    for name, reason in barred.items():
        yield f"- {name} {reason}, and may not approve it"


def _check_enough(
    missing: int,
    people: Sequence[str],
    barred: Mapping[str, str],
    unknown: Sequence[str],
    users: Mapping[str, Any],
) -> None:
    """Raise ConfigError when fewer people than are ``missing`` may approve, or are users."""
    approvals = "1 approval is" if missing == 1 else f"{missing} approvals are"
    if len(people) < missing:
        who = "; ".join(f"{name} {reason}" for name, reason in barred.items())
        raise ConfigError(
            f"{approvals} missing, but {len(people)} of approve.by may approve ({who}): name more people in "
            "approve.by, or write approve.author: allow, then clear this task"
        )
    if users.get("sure") and len(people) - len(unknown) < missing:
        raise ConfigError(
            f"{approvals} missing, but approve.by names {', '.join(unknown)}, who cannot answer, because "
            f"Airflow does not have such a user: {users.get('hint', '')}, then clear this task"
        )
