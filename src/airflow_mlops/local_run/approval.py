"""Approval at a terminal, by a person whom the pipeline names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from airflow_mlops.core.records import ApprovalRequest
from airflow_mlops.core.records.deployment import APPROVE, REJECT
from airflow_mlops.local_run.context import RunContext

_ANSWERS: Final = {"y": APPROVE, "yes": APPROVE, "n": REJECT, "no": REJECT}
_QUESTIONS: Final = 3


def answer(context: RunContext, asked: ApprovalRequest) -> tuple[dict[str, str] | None, str]:
    """Return the answer of the person at this machine; None, and why, when there is none.

    Only a person in ``approve.by`` may answer, once and not as the author where that is refused, with
    ``--yes`` too, as in Airflow.
    """
    what = _subject(context)
    if context.user not in asked.by:
        did = asked.barred.get(context.user)
        why = (
            f"{context.user} {did}, and may not approve it" if did else f"{context.user} is not in approve.by"
        )
        return None, f"{what} waits for approval by {' or '.join(asked.by)}; {why}"
    if context.yes:
        return _answer(context, APPROVE, "--yes"), ""
    if context.reporter.interactive:
        for line in filter(None, asked.body.splitlines()):
            context.reporter.note(line)
        for _ in range(_QUESTIONS):
            given = context.reporter.ask(f"  {asked.subject} [y/n] ").strip().lower()
            if given in _ANSWERS:
                return _answer(context, _ANSWERS[given], "at the terminal"), ""
            if not given:
                break
    return None, f"{what} waits for approval"


def _subject(context: RunContext) -> str:
    """Name what waits: a version, or a model that is none yet."""
    request = context.results.get("prepare")
    of = f"of {context.pipeline.name}"
    return f"version {request['model_version']} {of}" if request else f"the new model {of}"


def _answer(context: RunContext, chosen: str, how: str) -> dict[str, str]:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"chosen": chosen, "by": f"{context.user} ({how})", "at": at, "user": context.user}
