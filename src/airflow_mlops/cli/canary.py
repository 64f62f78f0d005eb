"""The command ``canary``: forecasts what a canary can detect, and simulates one."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_mlops.cli.dispatch import check_exists
from airflow_mlops.cli.table import command_named
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.views.view import plain_json

if TYPE_CHECKING:
    from airflow_mlops.config.models import Canary
    from airflow_mlops.rollout.core import RolloutPlan
    from airflow_mlops.rollout.core.forecast import Forecast, StepForecast
    from airflow_mlops.rollout.core.labels_to_come import LabelsToCome

_WIDTH: Final = 110


def canary(words: Sequence[str]) -> int:
    """Run ``canary plan`` or ``canary simulate``; returns 1 when a step cannot be judged, else 0."""
    arguments = build_parser().parse_args(words)
    check_exists(Path(arguments.file))
    section, plan = _plan_of(arguments.file, arguments.profile)
    code: int = arguments.run(arguments, section, plan)
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the words after ``canary``."""
    from airflow_mlops.rollout.core.faults import FAULTS

    row = command_named("canary")
    parser = argparse.ArgumentParser(prog="airflow-mlops canary", description=row.help, epilog=row.epilog)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    plan = commands.add_parser("plan", help="per step: time until harm is detected, and until a pass")
    plan.add_argument("file", help="pipeline file")
    plan.add_argument("--rps", type=_rate, required=True, help="requests per second, both versions")
    plan.add_argument("--callers", type=_count, help="with sticky routing: number of callers")
    plan.set_defaults(run=_plan)
    simulate = commands.add_parser("simulate", help="simulate a rollout with a fault")
    simulate.add_argument("file", help="pipeline file")
    simulate.add_argument("--fault", default="none", help=f"one of: {', '.join(FAULTS)} (default: none)")
    simulate.add_argument("--rps", type=_rate, default=50.0, help="requests per second (default: 50)")
    simulate.add_argument("--seed", type=int, default=7, help="random seed (default: 7)")
    simulate.set_defaults(run=_simulate)
    for command in (plan, simulate):
        command.add_argument("--profile", metavar="P", help="profile to apply over the file")
        command.add_argument(
            "--error-rate", type=_share, default=0.01, help="failure rate of the champion (default: 0.01)"
        )
        command.add_argument(
            "--coverage",
            type=_coverage,
            default=(1.0, 1.0),
            metavar="SHARE[,SHARE]",
            help="share of the answers that are labelled, or that of canary and champion (default: 1)",
        )
        command.add_argument(
            "--label-delay",
            type=_duration,
            default=0.0,
            metavar="TIME",
            help="time from an answer to its label, such as 2h (default: none)",
        )
        command.add_argument(
            "--format", choices=("text", "json"), default="text", help="output format (default: text)"
        )
    return parser


def _number(text: str, *, low: float = 0, high: float = math.inf, rule: str) -> float:
    with contextlib.suppress(ValueError):
        if low <= float(text) < high:
            return float(text)
    raise argparse.ArgumentTypeError(f"{rule}, got {text!r}")


_rate: Final = partial(_number, rule="requests per second must be a number >= 0, such as 50")
_share: Final = partial(_number, high=1, rule="a share must be a number from 0 up to 1, such as 0.01")


def _coverage(text: str) -> tuple[float, float]:
    rule = "a coverage must be a number above 0 and at most 1, or two with a comma, such as 0.3 or 0.9,0.3"
    shares = [_number(part, high=math.nextafter(1, 2), rule=rule) for part in text.split(",")]
    if len(shares) > 2 or 0 in shares:
        raise argparse.ArgumentTypeError(f"{rule}, got {text!r}")
    return shares[0], shares[-1]


def _duration(text: str) -> float:
    from airflow_mlops.config.values import parse_duration

    try:
        found: Any = parse_duration(text)
        return float(found.total_seconds())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _labels(arguments: argparse.Namespace) -> LabelsToCome:
    from airflow_mlops.rollout.core.labels_to_come import LabelsToCome

    return LabelsToCome(coverage=arguments.coverage, delay_s=arguments.label_delay)


def _count(text: str) -> int:
    return int(_number(text, low=1, rule="callers must be a whole number above 0"))


def _plan_of(file: str, profile: str | None) -> tuple[Canary, RolloutPlan]:
    from airflow_mlops.config.loader import load_pipeline
    from airflow_mlops.rollout.plan import plan_rollout

    pipeline = load_pipeline(file, profile)
    if pipeline.deploy is None:
        raise ConfigError(f"{file}: a canary needs a `deploy` section: add one")
    canary, name = pipeline.deploy.canary, pipeline.name
    uri = f"models:/{name}/2"
    return canary, plan_rollout(canary, name=name, model_version=2, model_uri=uri, champion_version=1)


def _plan(arguments: argparse.Namespace, _canary: Canary, plan: RolloutPlan) -> int:
    from airflow_mlops.rollout.core.forecast import forecast, format_duration

    found = forecast(
        plan,
        rps=arguments.rps,
        error_rate=arguments.error_rate,
        callers=arguments.callers,
        labels=_labels(arguments),
    )
    warnings = [f"{_name(step)}: {text}" for step in found.steps for text in step.warnings]
    promoted = _promoted(arguments, plan, found)
    if arguments.format == "json":
        _print_json({"name": plan.name, **plain_json(found), "promoted": promoted, "warnings": warnings})
        return 1 if warnings else 0
    print(f"canary of {plan.name} at {arguments.rps:g} requests/s\n")
    print(_folded("guarantee  ", found.guarantee))
    print(_folded("passes     ", found.tolerance))
    for line in promoted:
        print(_folded("           ", line))
    if arguments.rps:
        print(f"shortest   {format_duration(found.shortest_s)} from the first step to all traffic\n")
        print("\n".join([*_table(found), *_notes(found, plan)]))
    print()
    for title, lines in (("warning", warnings), ("proposal", found.proposals)):
        for line in lines:
            print(f"{title}: {line}")
    return 1 if warnings else 0


def _promoted(arguments: argparse.Namespace, plan: RolloutPlan, found: Forecast) -> list[str]:
    """Say in words how versions end that fail as often as the champion, twice and five times as often."""
    from airflow_mlops.rollout.core.passing import simulate_ends
    from airflow_mlops.rollout.core.tolerance import expected_alone, with_tolerance

    # With sticky callers the number of those who have not been counted yet decides, and no rate.
    if not (arguments.rps and arguments.error_rate) or arguments.callers is not None:
        return []
    if math.isinf(found.shortest_s):
        return [
            "no version is promoted without a person: a guard never has enough evidence, see the warnings"
        ]
    plan, _ = with_tolerance(plan, expected_alone(arguments.rps, arguments.error_rate))
    alone = ", judged by its failures alone" if plan.guards else ""
    lines = []
    for ratio, words in ((1, "as often as"), (2, "twice as often as"), (5, "5 times as often as")):
        ends = simulate_ends(plan, ratio=ratio, rps=arguments.rps, error_rate=arguments.error_rate)
        lines.append(
            f"a version that fails {words} the champion{alone}: of 100 rollouts "
            f"{ends.per_hundred(ends.promoted):.1f} are promoted, "
            f"{ends.per_hundred(ends.rolled_back):.1f} rolled back, "
            f"{ends.per_hundred(ends.waiting):.1f} wait for a person"
        )
    return lines


def _notes(found: Forecast, plan: RolloutPlan) -> list[str]:
    """Say why a guard does not detect the harm of a column."""
    needs = [need for step in found.steps for need in step.needs]
    blind = {need.guard for need in needs if math.isinf(min(need.worse.values()))}
    return [
        f"{guard.name}: harm begins at {guard.max_ratio:g} x (max_ratio); less is never rolled back"
        for guard in plan.guards
        if guard.name in blind and guard.name != "quality"
    ]


def _table(found: Forecast) -> list[str]:
    lines = [
        f"{'step':<9}{'guard':<13}{'champion':>9}{'1.5 x seen after':>26}{'2 x seen after':>26}{'pass':>26}"
    ]
    for step in found.steps:
        for number, need in enumerate(step.needs):
            name = _name(step) if not number else ""
            cells = (*need.worse.values(), need.good if step.percent else None)
            shown = "".join(f"{_cell(cell, found.rps):>26}" for cell in cells)
            lines.append(f"{name:<9}{need.guard:<13}{need.rate:>9.2%}{shown}")
    return lines


def _cell(requests: float | None, rps: float) -> str:
    from airflow_mlops.rollout.core.forecast import format_duration

    if requests is None:
        return "-"
    if math.isinf(requests):
        return "never"
    return f"{requests:,.0f} = {format_duration(requests / rps)}"


def _name(step: StepForecast) -> str:
    return f"{step.percent} %" if step.percent else "shadow"


def _simulate(arguments: argparse.Namespace, canary: Canary, plan: RolloutPlan) -> int:
    from airflow_mlops.rollout.core.faults import describe_fault, missing_guard
    from airflow_mlops.rollout.core.forecast import format_duration
    from airflow_mlops.rollout.core.simulation import simulate

    story = simulate(
        plan,
        fault=arguments.fault,
        rps=arguments.rps,
        error_rate=arguments.error_rate,
        poll_s=canary.poll.total_seconds(),
        seed=arguments.seed,
        labels=_labels(arguments),
    )
    state = story.state
    ends = {"PROMOTING": "PROMOTED", "ROLLING_BACK": "ROLLED_BACK"}
    outcome = ends.get(state.phase, str(state.phase))
    moves = [(entry.at, entry.to, entry.reason) for entry in state.history]
    events = [(at, "", text) for at, text in story.events]
    story_lines = sorted([*moves, *events], key=lambda line: line[0])
    if arguments.format == "json":
        lines = [{"at_s": at, "to": to or None, "text": text} for at, to, text in story_lines]
        _print_json({"name": plan.name, "fault": arguments.fault, "outcome": outcome, "story": lines})
        return 0
    print(f"{arguments.fault}: {describe_fault(arguments.fault)}\n")
    for at, to, text in story_lines:
        print(_folded(f"{format_duration(at):>7}  {to:<18} ", text))
    print(f"\n{outcome}")
    if guard := missing_guard(arguments.fault, [item.name for item in plan.guards]):
        print(f"no guard watches for this fault: add deploy.canary.guards.{guard}")
    return 0


def _print_json(document: Mapping[str, Any]) -> None:
    print(json.dumps(plain_json(document), indent=2))


def _folded(head: str, text: str) -> str:
    """Return ``head`` and ``text`` in lines that fit a terminal, with a hanging indent."""
    return textwrap.fill(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
