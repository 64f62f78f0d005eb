"""The life of one model, told as it happens; every step of it is a task that Airflow runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from demo.airflow_api import Airflow, Json
from demo.describe import describe, transition, window_row
from demo.layout import PIPELINE, DemoError
from demo.stack import Stack
from demo.story import Story

TRAIN, DEPLOY, MONITOR = (f"{PIPELINE}__{kind}" for kind in ("train", "deploy", "monitor"))
_THINKING = 2.0
_ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
_SHOWN = {
    "ingest",
    "validate",
    "features",
    "tune",
    "train",
    "evaluate",
    "refit",
    "register",
    "rollout",
    "finalize",
}


@dataclass
class Life:
    """Follows the runs of one pipeline and tells what they do."""

    stack: Stack
    api: Airflow
    story: Story
    told: set[tuple[str, ...]] = field(default_factory=set)

    def train(self, until: str) -> str:
        """Ask for a training on the data before ``until`` and follow it to its end."""
        run_id = self.api.trigger(TRAIN, {"as_of": until})
        return self.follow(TRAIN, run_id)

    def deploy_after(self, known: set[str]) -> str:
        """Wait for the deploy run that Airflow starts for the challenger's asset event, and follow it."""
        run = self._new_run(DEPLOY, known)
        self.story.step(f"{DEPLOY} starts: {run['run_type'].replace('_', ' ')}")
        return self.follow(DEPLOY, run["dag_run_id"])

    def known_runs(self, dag_id: str) -> set[str]:
        return {run["dag_run_id"] for run in self.api.runs(dag_id)}

    def started_by_event(self, dag_id: str, known: set[str]) -> str:
        """Wait for a run that an asset event starts; returns its id."""
        return str(self._new_run(dag_id, known)["dag_run_id"])

    def follow(self, dag_id: str, run_id: str, seconds: float = 600) -> str:
        """Tell the tasks of a run as they end, answer its approval; returns the run's state."""
        deadline = time.monotonic() + seconds
        while True:
            tasks = self.api.tasks(dag_id, run_id)
            if dag_id == DEPLOY:
                self._tell_rollout()
            for task in sorted(tasks, key=lambda task: task["end_date"] or "~"):
                self._tell(task)
            state = str(self.api.run(dag_id, run_id)["state"])
            if state in ("success", "failed"):
                return state
            self._pause(deadline, f"{dag_id} {run_id}")

    def follow_windows(self, count: int, seconds: float = 900) -> list[Json]:
        """Follow the monitor's runs, a row each, until ``count`` have ended; returns their records."""
        deadline = time.monotonic() + seconds
        windows: list[Json] = []
        while len(windows) < count:
            ended = [run for run in self.api.runs(MONITOR) if run["state"] in ("success", "failed")]
            for run in ended[len(windows) :]:
                windows.append(self._window(run))
                self.story.step(window_row(windows[-1]), "success" if run["state"] == "success" else "failed")
            self._pause(deadline, MONITOR)
        return windows

    def _window(self, run: Json) -> Json:
        run_id = run["dag_run_id"]
        records = {
            task: self.api.xcom(MONITOR, run_id, task)
            for task in ("observe", "drift", "performance", "triage")
        }
        return {"run_id": run_id, "start": run["data_interval_start"], **records}

    def _tell(self, task: Json) -> None:
        # A task that is tried again is told, and answered, again.
        identity = ("dag_id", "dag_run_id", "task_id", "map_index", "try_number", "state")
        key = tuple(str(task[part]) for part in identity)
        if key in self.told:
            return
        if task["task_id"] == "approve" and task["state"] == "awaiting_input":
            self.told.add(key)
            self._approve(task)
        elif task["state"] in _ENDED and task["task_id"] in _SHOWN:
            self.told.add(key)
            record = self._record(task)
            name = task["task_id"] + (f"[{task['map_index']}]" if task["map_index"] >= 0 else "")
            took = f"{task['duration'] or 0:.0f} s"
            text = describe(task["task_id"], record) if record else ""
            if task["state"] == "failed":
                text = self.api.reason(task)
            self.story.step(f"{name:<10} {took:>5}  {text}", task["state"])

    def _record(self, task: Json) -> Any:
        if task["state"] != "success":
            return None
        return self.api.xcom(task["dag_id"], task["dag_run_id"], task["task_id"], map_index=task["map_index"])

    def _approve(self, task: Json) -> None:
        question = self.api.question(DEPLOY, task["dag_run_id"], "approve")
        self.story.step(f"approve: “{question['subject']}” Airflow waits for a person.", "waiting")
        for line in (question.get("body") or "").splitlines():
            if line.startswith("- **"):
                self.story.step("         " + line[2:].replace("**", ""))
        time.sleep(_THINKING)
        self.api.answer(DEPLOY, task["dag_run_id"], "approve", "Approve")
        self.story.step("approve: the demo answers as admin: Approve", "success")

    def _tell_rollout(self) -> None:
        from airflow_mlops.rollout.store.store import RolloutStore

        file = self.stack.layout.root / "rollouts.db"
        state = RolloutStore(str(file)).latest(PIPELINE) if file.exists() else None
        if state is None:
            return
        for number, event in enumerate(RolloutStore(str(file)).history(state.id)):
            key = ("rollout", state.id, str(number))
            if key not in self.told:
                self.told.add(key)
                self.story.step("canary     " + transition(event))

    def _new_run(self, dag_id: str, known: set[str], seconds: float = 120) -> Json:
        found: list[Json] = []

        def appeared() -> bool:
            found[:] = [run for run in self.api.runs(dag_id) if run["dag_run_id"] not in known]
            return bool(found)

        self._until(appeared, f"a run of {dag_id}", seconds)
        return found[0]

    def _until(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            self._pause(deadline, what)

    def _pause(self, deadline: float, what: str) -> None:
        self.stack.check()
        if time.monotonic() > deadline:
            raise DemoError(
                f"{what} took too long: see {self.stack.layout.logs} and {self.stack.layout.airflow_home}"
            )
        time.sleep(0.7)
