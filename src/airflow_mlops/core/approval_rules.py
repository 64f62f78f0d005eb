"""Who may approve: people whom the pipeline names, each once, and not the author where that is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from airflow_mlops.core.records.answers import APPROVE, Answer


@dataclass(frozen=True, kw_only=True)
class Approvers:
    """The people of one request.

    ``by`` are those whom the pipeline names, of whom ``needs`` different ones must approve. ``authors`` maps
    the name of a person who may not approve to what they did; it is empty where authors may approve.

    >>> approvers = Approvers(by=("ada", "ben"), needs=1, authors={"ada": "started the training"})
    >>> approvers.open(())
    ('ben',)
    """

    by: tuple[str, ...]
    needs: int = 1
    authors: Mapping[str, str] = field(default_factory=dict)

    def barred(self, earlier: Sequence[Answer]) -> dict[str, str]:
        """Return the people of ``by`` who may not approve any more, with the reason of each."""
        found = {name: self._reason({name}, earlier) for name in dict.fromkeys(self.by)}
        return {name: reason for name, reason in found.items() if reason}

    def open(self, earlier: Sequence[Answer]) -> tuple[str, ...]:
        """Return the people of ``by`` who may still approve."""
        barred = self.barred(earlier)
        return tuple(name for name in dict.fromkeys(self.by) if name not in barred)

    def refusal(self, answer: Answer, earlier: Sequence[Answer], *, anonymous: bool = False) -> str:
        """Return why an answer does not count, empty when it does.

        A rejection counts from everybody in ``by``. What Airflow answers when nobody did always counts.
        ``anonymous``: Airflow lets everybody in as one user, so that the person is not known.
        """
        if answer.timed_out or anonymous:
            return ""
        if not answer.names & set(self.by):
            return f"{answer.by} is not in approve.by ({', '.join(self.by)})"
        if answer.chosen != APPROVE:
            return ""
        reason = self._reason(answer.names, earlier)
        return f"{answer.by} {reason}, and may not approve it" if reason else ""

    def _reason(self, names: Collection[str], earlier: Sequence[Answer]) -> str:
        """Return what a person of these names did, so that they may not approve."""
        if any(set(names) & answer.names for answer in earlier):
            return "has approved already"
        return next((did for author, did in self.authors.items() if author in names), "")


def unknown_people(
    people: Sequence[str], known: Collection[str] | None, *, numbers: bool = False
) -> tuple[str, ...]:
    """Return those of ``people`` who cannot be users.

    ``known`` are all users, None when these are not known; with ``numbers`` every user is a number.

    >>> unknown_people(["ada", "bne"], {"ada", "ben"}), unknown_people(["ada"], None)
    (('bne',), ())
    """
    if known is not None:
        return tuple(name for name in people if name not in known)
    return tuple(name for name in people if numbers and not name.isdigit())
