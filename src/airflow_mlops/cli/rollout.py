"""The command ``rollout``: where a rollout stands, and a person's way out of every phase."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_mlops.cli.dispatch import WrongCall
from airflow_mlops.cli.pipeline_paths import default_folder, existing_pipeline_paths
from airflow_mlops.cli.rollout_text import PAUSED_ANSWERS, after_the_last, lines, waits_for
from airflow_mlops.config.environment import PROFILE
from airflow_mlops.core.errors import BackendError, ConfigError, MlopsError
from airflow_mlops.views.view import plain_json

if TYPE_CHECKING:
    from airflow_mlops.config.models import Deploy, Pipeline
    from airflow_mlops.rollout.core import RolloutState
    from airflow_mlops.rollout.driver import RolloutDriver
    from airflow_mlops.rollout.store.store import RolloutStore
    from airflow_mlops.rollout.targets.base import Target
    from airflow_mlops.training.registry import Registry

_PATIENCE: Final = 30
"""Polls in a row that may fail before ``resume`` gives up."""
_ALIASES: Final = ("champion", "challenger", "previous")


@dataclass
class Sight:
    """What a rollout is about: its store, and the server and the registry as far as they answer.

    ``unavailable`` says what does not answer. ``poll_s`` are seconds between two polls.
    """

    name: str
    store: RolloutStore
    target: Target | None
    registry: Registry | None
    poll_s: float
    unavailable: list[str] = field(default_factory=list)

    def driver(self) -> RolloutDriver:
        """Return a driver of the rollout; raises BackendError when its target cannot be reached at all."""
        from airflow_mlops.rollout.driver import RolloutDriver

        if self.target is None:
            raise BackendError("; ".join(self.unavailable))
        return RolloutDriver(self.store, self.target, self.registry)

    def running(self) -> RolloutState:
        """Return the running rollout; raises ConfigError when there is none."""
        state = self.store.running(self.name)
        if state is not None:
            return state
        last = self.store.latest(self.name)
        ended = f"; the last one, of version {last.plan.model_version}, ended {last.label}" if last else ""
        raise ConfigError(
            f"no rollout of {self.name} is running in {self.store.place}{ended}. "
            f"{after_the_last(self.name, last)}"
        )


def rollout(arguments: argparse.Namespace) -> int:
    """Show, resume or abort the rollout of a pipeline; see the exit codes of its row in the table."""
    if arguments.force and arguments.action != "abort":
        raise WrongCall("--force must be used with abort only")
    pipeline, deploy = _pipeline(arguments)
    with _as_airflow():
        if arguments.action == "status":
            with _sight(pipeline, deploy) as sight:
                return _status(sight, as_json=arguments.format == "json")
        with _sight(pipeline, deploy, takeover=arguments.force) as sight:
            if arguments.action == "resume":
                return resume(sight, getpass.getuser(), print, time.sleep, time.time)
            return abort(sight, getpass.getuser(), force=arguments.force)


def _pipeline(arguments: argparse.Namespace) -> tuple[Pipeline, Deploy]:
    profile = arguments.profile or os.environ.get(PROFILE) or None
    path = default_folder(arguments.path)
    found = []
    for item in existing_pipeline_paths(path):
        with suppress(ConfigError):  # a fault of another file is no matter of this rollout
            found.append(item.load(profile))
    pipeline = next((one for one in found if one.name == arguments.name), None)
    if pipeline is None:
        names = ", ".join(sorted(one.name for one in found)) or "none"
        raise WrongCall(
            f"no pipeline {arguments.name!r} without faults in {path}; there are: {names}. "
            "Name its file or folder after the action"
        )
    if pipeline.deploy is None:
        raise WrongCall(f"pipeline {arguments.name} must have a `deploy` section: it has no rollouts")
    return pipeline, pipeline.deploy


@contextmanager
def _as_airflow() -> Iterator[None]:
    """Find connections where Airflow's tasks find them; no database of Airflow is created."""
    from airflow_mlops.cli.doctor.databases import missing_file
    from airflow_mlops.cli.doctor.installation import read_installation
    from airflow_mlops.cli.doctor.lookup import as_a_task

    with as_a_task(missing_file(read_installation().database) is None):
        yield


@contextmanager
def _sight(pipeline: Pipeline, deploy: Deploy, *, takeover: bool = False) -> Iterator[Sight]:
    from airflow_mlops.hooks.mlflow import MlflowHook
    from airflow_mlops.hooks.rollouts import airflow_rollouts
    from airflow_mlops.rollout.targets.base import OrderedBy

    with redirect_stdout(sys.stderr):  # where Airflow's log says what it found
        access = MlflowHook(pipeline.mlflow_conn_id).access()
    rollouts, store = airflow_rollouts(), airflow_rollouts().store()
    sight = Sight(pipeline.name, store, None, None, deploy.canary.poll.total_seconds())
    try:
        sight.target = rollouts.target(deploy.target, deploy.conn_id)
        sight.target.identify(OrderedBy(controller=store.identity, place=store.place, takeover=takeover))
    except MlopsError as error:
        sight.unavailable.append(str(error))
    with access.signed_in():
        try:
            sight.registry = access.registry(pipeline.name)
        except MlopsError as error:
            sight.unavailable.append(str(error))
        yield sight


def _status(sight: Sight, *, as_json: bool) -> int:
    from airflow_mlops.views.rollouts import rollout_view

    state = sight.store.running(sight.name) or sight.store.latest(sight.name)
    seen, aliases = None, None
    if sight.target is not None and state is not None:
        plan = state.plan
        with _noted(sight):
            seen = sight.target.observe(plan.model_version, plan.champion_version, None)
    if sight.registry is not None:
        with _noted(sight):
            aliases = {alias: sight.registry.get(alias) for alias in _ALIASES}
    view = rollout_view(state) if state is not None else None
    if as_json:
        document = {
            "name": sight.name,
            "store": sight.store.place,
            "rollout": view.to_json() if view else None,
            "waits_for": waits_for(view) if view else "",
            "server": seen
            and {"percent": seen.percent, "champion": seen.champion, "health": seen.health.status},
            "aliases": aliases,
            "unavailable": sight.unavailable,
        }
        print(json.dumps(plain_json(document), indent=2))
    else:
        print("\n".join(lines(sight.name, sight.store.place, view, seen, aliases)))
    for text in sight.unavailable:
        print(f"error: {text}", file=sys.stderr)
    return 3 if sight.unavailable else 0


@contextmanager
def _noted(sight: Sight) -> Iterator[None]:
    """Keep what does not answer for the end: the rest is shown."""
    try:
        yield
    except MlopsError as error:
        sight.unavailable.append(str(error))


def resume(
    sight: Sight,
    who: str,
    note: Callable[[str], None],
    wait: Callable[[float], None],
    clock: Callable[[], float],
) -> int:
    """Continue a paused rollout, and drive it to its end unless a task does; returns the exit code.

    ``note`` gets a line per change, ``wait`` waits for seconds, ``clock`` returns epoch seconds.
    """
    driver, state = sight.driver(), sight.running()
    driven = state.looked is not None and clock() - state.looked <= state.plan.gap_s
    if state.phase == "PAUSED":
        state = driver.decide(state.id, "continue", who)
        note(f"{state.label}: {state.reason}")
    if driven:
        note("its task polls it, and takes it on from here: see airflow-mlops rollout status")
        return 0
    shown, failures = len(state.history), 0
    try:
        while not state.terminal:
            try:
                state, failures = driver.poll(state.id), 0
            except BackendError as error:
                failures += 1
                note(f"poll {failures} failed: {error}")
                if failures >= _PATIENCE:
                    raise
            for entry in state.history[shown:]:
                note(f"{entry.to}: {entry.reason}")
            shown = len(state.history)
            if state.phase == "PAUSED":
                note("waits for " + PAUSED_ANSWERS.format(name=state.plan.name))
                return 4
            if not state.terminal:
                wait(sight.poll_s)
    except KeyboardInterrupt:
        note(
            f"interrupted: rollout {state.id} stays {state.label}; without polls its canary loses its traffic"
        )
        return 130
    return 0 if state.phase == "PROMOTED" else 1


def abort(sight: Sight, who: str, *, force: bool) -> int:
    """Take the running rollout back, whatever it is doing; returns the exit code.

    With ``force`` its record ends although the server or MLflow does not answer. Raises BackendError or
    ConfigError for what did not follow without it; the order stands then, and whoever polls next obeys it.
    """
    state = sight.running()
    try:
        after = sight.driver().abort(state.id, who)
        left = [] if after.terminal else list(sight.unavailable)
    except MlopsError as error:
        after, left = sight.store.get(state.id)[0], [*sight.unavailable, str(error)]
    if after.terminal:
        print(f"rollout {after.id} ended {after.label}: {after.reason}")
        print(after_the_last(sight.name, after))
        return 0
    missing = "; ".join(dict.fromkeys(left)) or "the server has not given the traffic back yet"
    if not force:
        raise BackendError(
            f"rollout {after.id} is {after.label}, and not over: {missing}. Repair that and abort it again, "
            "or end the record without it: abort --force"
        )
    ended = _written_off(sight, after, f"aborted by {who} although not all answered: {missing}", who)
    print(f"rollout {ended.id} ended {ended.label}, in its record only; not done: {missing}")
    print("the server takes the canary's traffic away when its lease ends; check the aliases in MLflow")
    return 0


def _written_off(sight: Sight, state: RolloutState, reason: str, who: str) -> RolloutState:
    from airflow_mlops.rollout.core import write_off

    ended = write_off(state, reason, who, time.time())
    sight.store.save(ended, sight.store.get(state.id)[1])
    return ended
