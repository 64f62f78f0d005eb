"""What a run reports: lines for people, or one JSON document for machines."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from airflow_mlops.core.progress import Progress, silent
from airflow_mlops.local_run.outcome import Outcome, RunEnd


@dataclass(frozen=True)
class TaskLine:
    """How a task ended.

    ``state`` is ``success``, ``kept`` (done by the run that this one resumes), ``skipped``, ``refused``,
    ``waiting`` or ``failed``; ``seconds`` wall time.
    """

    dag: str
    task: str
    state: str
    seconds: float = 0.0
    summary: str = ""
    record: Any = None


class Reporter(Protocol):
    """Where a run is reported."""

    @property
    def interactive(self) -> bool:
        """Whether somebody can be asked."""
        ...

    def start(self, facts: Mapping[str, str]) -> None:
        """Report what is going to run: pipeline, file, time, paths."""
        ...

    def working(self, task: str) -> AbstractContextManager[Progress]:
        """Show that a task works; yields what takes its progress."""
        ...

    def task(self, line: TaskLine) -> None:
        """Report how a task ended."""
        ...

    def note(self, text: str) -> None:
        """Report something that happened within a task."""
        ...

    def ask(self, question: str) -> str:
        """Return what somebody at the terminal answers; empty at the end of input."""
        ...

    def end(self, ending: RunEnd) -> None:
        """Report how the run ended."""
        ...


_MARKS: Final = {
    "success": ("✓", "green"),
    "kept": ("✓", "dim"),
    "skipped": ("·", "dim"),
    "refused": ("✗", "red"),
    "failed": ("✗", "red"),
    "waiting": ("?", "yellow"),
}
_TIMELESS: Final = {"kept": "before"}
_PREFIX: Final = {
    Outcome.REJECTED: "rejected",
    Outcome.WRONG: "error",
    Outcome.FAILED: "failed",
    Outcome.WAITING: "waiting",
    Outcome.INTERRUPTED: "stopped",
}


class Lines:
    """A line per task on standard output; on a terminal in colour, with a bar while it works.

    ``NO_COLOR`` turns the colours off. What ended a run early goes to standard error.
    """

    def __init__(self) -> None:
        from rich.console import Console

        plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True}
        self._out = Console(**plain)
        self._err = Console(stderr=True, **plain)
        self._live: Any = None

    @property
    def interactive(self) -> bool:
        """Whether both ends of the conversation are a terminal."""
        return sys.stdin.isatty() and self._out.is_terminal

    def start(self, facts: Mapping[str, str]) -> None:
        """Print the pipeline and its moment, then where things are."""
        profile = f"  profile {facts['profile']}" if "profile" in facts else ""
        self._print((facts["pipeline"], "bold"), (f"  {facts['file']}{profile}  {facts['summary']}", ""))
        self._print((f"MLflow {facts['tracking_uri']}  data {facts['artifacts']}", "dim"))

    @contextlib.contextmanager
    def working(self, task: str) -> Iterator[Progress]:
        """Show a spinner and a bar on a terminal until the task ends."""
        if not self._out.is_terminal:
            yield silent
            return
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as ProgressBar

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
        detail = TextColumn("{task.fields[detail]}", style="dim")
        with ProgressBar(*columns, detail, console=self._out, transient=True) as progress:
            self._live = progress
            bar = progress.add_task(f"{task:<11}", total=None, detail="")

            def listener(done: int, total: int, detail: str) -> None:
                shown = f"{done}/{total} {detail}"
                progress.update(bar, completed=done, total=total, detail=shown)

            yield listener

    def task(self, line: TaskLine) -> None:
        """Print the task's mark, name, seconds and sentence."""
        mark, style = _MARKS[line.state]
        seconds = f"{line.seconds:6.1f} s" if line.seconds else f"{_TIMELESS.get(line.state, ''):>8}"
        dim = "dim" if line.state in ("kept", "skipped") else ""
        self._print((f"  {mark} ", style), (f"{line.task:<11}{seconds}  {line.summary}".rstrip(), dim))

    def note(self, text: str) -> None:
        """Print a line below the task."""
        self._print((f"      {text}", "dim"))

    def ask(self, question: str) -> str:
        """Ask at the terminal, without a bar in the way."""
        if self._live is not None:
            self._live.stop()
        try:
            return self._out.input(question, markup=False, emoji=False)
        except EOFError:
            self._out.print()
            return ""

    def end(self, ending: RunEnd) -> None:
        """Print the last word, and what to do next."""
        if ending.outcome is Outcome.DONE:
            self._print((ending.message, "bold"))
        else:
            style = "yellow" if ending.outcome.resumable else "red"
            text = ending.message.replace("\n", "\n  ")
            self._print((f"{_PREFIX[ending.outcome]}: ", style), (text, ""), to=self._err)
        for hint in ending.hints:
            self._print((hint, "dim"), to=self._out if ending.outcome is Outcome.DONE else self._err)

    def _print(self, *parts: tuple[str, str], to: Any = None) -> None:
        from rich.text import Text

        (to or self._out).print(Text.assemble(*parts))


class Document:
    """Prints everything at the end as one JSON document on standard output."""

    interactive = False

    def __init__(self) -> None:
        self._facts: dict[str, str] = {}
        self._tasks: list[dict[str, Any]] = []
        self._notes: list[str] = []
        self._out = sys.stdout

    def start(self, facts: Mapping[str, str]) -> None:
        """Keep the facts."""
        self._facts = {key: value for key, value in facts.items() if key != "summary"}

    @contextlib.contextmanager
    def working(self, task: str) -> Iterator[Progress]:  # noqa: ARG002 - nobody looks
        """Keep what user code prints out of the document."""
        with contextlib.redirect_stdout(sys.stderr):
            yield silent

    def task(self, line: TaskLine) -> None:
        """Keep how a task ended, with the notes since the last one."""
        found = {**vars(line), "seconds": round(line.seconds, 3), "notes": self._notes}
        self._tasks.append(found)
        self._notes = []

    def note(self, text: str) -> None:
        """Keep a note for the task that it belongs to."""
        self._notes.append(text)

    def ask(self, question: str) -> str:  # noqa: ARG002 - nobody is there
        """Return nothing: nobody is asked."""
        return ""

    def end(self, ending: RunEnd) -> None:
        """Print the document."""
        document = {
            **self._facts,
            "outcome": str(ending.outcome),
            "exit_code": ending.code,
            "message": ending.message,
            "hints": list(ending.hints),
            "tasks": self._tasks,
        }
        print(json.dumps(document, indent=1, ensure_ascii=False, default=str), file=self._out)
