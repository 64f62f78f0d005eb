"""The chapters of the demo: four trainings, four rollouts, seven months of watching."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass

from demo.airflow_api import Json
from demo.layout import PIPELINE, DemoError, Layout
from demo.life import DEPLOY, MONITOR, TRAIN, Life
from demo.stack import Stack, write_whole
from demo.start import start_all, start_traffic
from demo.story import Story

_FIRST_QUARTER = "2013-04-01T00:00:00+00:00"
_LAST_MONTH = 10


@dataclass(frozen=True)
class Edit:
    """A change of the pipeline file, as its author would make it: lines out, lines in."""

    before: str
    after: str


_BETTER = (
    Edit("sklearn.tree.DecisionTreeClassifier", "sklearn.ensemble.HistGradientBoostingClassifier"),
    Edit(
        "{max_depth: [2, 4], min_samples_leaf: [50, 500, log]}",
        "{learning_rate: [0.03, 0.2, log], max_leaf_nodes: [7, 31]}",
    ),
)
_BROKEN = (Edit("flights_features:build", "flights_features:with_aircraft"),)


def live(stack: Stack, story: Story, arguments: argparse.Namespace) -> int:
    """Tell the whole life; returns the exit code."""
    layout = stack.layout
    story.chapter("Airflow, the model server and a year of flights")
    life = Life(stack, start_all(stack, arguments.every), story)
    _edit(layout, (Edit("start_date: 2013-04-01", f"start_date: {arguments.first_month}-01"),))
    story.step(
        f"running; the DAGs of {PIPELINE} are built from {layout.pipeline_file.relative_to(layout.root)}"
    )

    story.chapter("1  A first model, trained on January to March")
    _expect(_train_and_deploy(life), ("success", "success"), "the first model")
    start_traffic(stack, "2013-04", arguments.rate)
    story.step(f"live traffic begins: {arguments.rate:g} requests a second from a process of its own")

    story.chapter("2  A better model: the author edits the file")
    _tell_edit(story, layout, _BETTER)
    _expect(_train_and_deploy(life), ("success", "success"), "the better model")

    story.chapter("3  A broken model, which no test on past data can see")
    _tell_edit(story, layout, _BROKEN)
    _expect(_train_and_deploy(life), ("success", "failed"), "the broken model")
    story.step("the author takes the change back")
    _edit(layout, tuple(Edit(edit.after, edit.before) for edit in _BROKEN))

    story.chapter("4  Month after month, the champion is watched")
    windows = _watch(life, _LAST_MONTH - int(arguments.first_month[-2:]) + 1)
    return _conclude(life, windows)


def _train_and_deploy(life: Life) -> tuple[str, str]:
    known = life.known_runs(DEPLOY)
    life.story.step(f"{TRAIN} is triggered")
    trained = life.train(_FIRST_QUARTER)
    return trained, life.deploy_after(known) if trained == "success" else "none"


def _watch(life: Life, months: int) -> list[Json]:
    trainings, rollouts = life.known_runs(TRAIN), life.known_runs(DEPLOY)
    life.api.unpause(MONITOR)
    windows = life.follow_windows(months)
    asked = [window["triage"] for window in windows if (window["triage"] or {}).get("action") == "retrain"]
    if not asked:
        raise DemoError("no month asked for a retraining: see the records of flights__monitor")
    run_id = life.started_by_event(TRAIN, trainings)
    life.story.chapter(f"5  {TRAIN} starts by itself: {asked[-1]['reason'].split(';')[0]}")
    _expect(
        (life.follow(TRAIN, run_id), life.deploy_after(rollouts)),
        ("success", "success"),
        "the retrained model",
    )
    return windows


def _conclude(life: Life, windows: list[Json]) -> int:
    from demo.summary import gather

    layout, story = life.stack.layout, life.story
    life.stack.stop("traffic")
    summary = gather(layout, life.api, windows, story.seconds)
    file = layout.root / "summary.json"
    write_whole(file, json.dumps(summary, indent=2, default=str))
    story.chapter("What happened")
    rows = [["version", "ended as", "why"], *(_ended(one) for one in summary["versions"])]
    story.table(rows)
    story.text()
    story.text(f"Version {summary['champion']} serves; version {summary['previous']} is one roll back away.")
    counts = summary["traffic"]
    story.text(
        f"{counts.get('requests', 0):,} live requests, {counts.get('failed', 0)} failed, "
        f"{counts.get('rescued by the champion', 0)} answered by the champion where the canary failed."
    )
    story.text(f"All of it: {file}. See it in Airflow and MLflow: make up")
    return 0


def _ended(version: Json) -> list[str]:
    """Return a row about a version: its number, how it ended and what serves it, and why in short."""
    tags, aliases = version["tags"], ", ".join(version["aliases"])
    outcome = tags.get("mlops.rollout.outcome", "-") + (f" ({aliases})" if aliases else "")
    why = tags.get("mlops.rollout.reason", "").replace(": log E", ", log E").split(", log E")[0]
    return [str(version["version"]), outcome, why]


def _expect(found: tuple[str, str], wanted: tuple[str, str], what: str) -> None:
    if found != wanted:
        raise DemoError(f"{what}: training and deployment ended as {found}, expected {wanted}")


def _tell_edit(story: Story, layout: Layout, edits: tuple[Edit, ...]) -> None:
    for edit in edits:
        story.step(story.style(f"- {edit.before}", "red"))
        story.step(story.style(f"+ {edit.after}", "green"))
    _edit(layout, edits)


def _edit(layout: Layout, edits: tuple[Edit, ...]) -> None:
    text = layout.pipeline_file.read_text()
    for edit in edits:
        if edit.before not in text:
            raise DemoError(
                f"{layout.pipeline_file}: does not hold {edit.before!r} any more: remove the folder .demo"
            )
        text = text.replace(edit.before, edit.after)
    write_whole(layout.pipeline_file, text)
