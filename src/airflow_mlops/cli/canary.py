"""``airflow-mlops canary``: what a canary will be able to see, and how it would end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_mlops.cli.run import is_missing
from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from airflow_mlops.config.models import Canary
    from airflow_mlops.core.rollout import RolloutPlan
    from airflow_mlops.core.rollout.forecast import Forecast, StepForecast


def canary(arguments: argparse.Namespace) -> int:
    """Run the words after ``canary``; returns the exit code."""
    return main(arguments.words)


def main(argv: Sequence[str]) -> int:
    """Run ``canary plan`` or ``canary simulate``.

    Returns 0, 1 when the file or the plan has faults, 2 when there is no such file.
    """
    arguments = build_parser().parse_args(argv)
    if is_missing(arguments):
        return 2
    try:
        canary, plan = _plan_of(arguments.file, arguments.profile)
        code: int = arguments.run(arguments, canary, plan)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the words after ``canary``."""
    parser = argparse.ArgumentParser(prog="airflow-mlops canary", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    plan = commands.add_parser("plan", help="per step: how long until harm is seen, or a pass")
    plan.add_argument("file", help="pipeline file")
    plan.add_argument("--rps", type=_positive, required=True, help="requests per second, both versions")
    plan.set_defaults(run=_plan)
    simulate = commands.add_parser("simulate", help="live through a rollout with a fault")
    simulate.add_argument("file", help="pipeline file")
    simulate.add_argument(
        "--fault", default="none", help="none, errors, latency, quality, shift, no-traffic…"
    )
    simulate.add_argument("--rps", type=_positive, default=50.0, help="requests per second (default 50)")
    simulate.add_argument("--seed", type=int, default=7, help="seed of the chances (default 7)")
    simulate.set_defaults(run=_simulate)
    for command in (plan, simulate):
        command.add_argument("--profile", metavar="P", help="profile that lies over the file")
        command.add_argument(
            "--error-rate", type=_share, default=0.01, help="the champion's share of failures (default 0.01)"
        )
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"requests per second must be >= 0, got {text}")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"a share is within 0 and 1, such as 0.01, got {text}")
    return value


def _plan_of(file: str, profile: str | None) -> tuple[Canary, RolloutPlan]:
    from airflow_mlops.backends.rollout_plan import plan_rollout
    from airflow_mlops.config.loader import load_pipeline

    pipeline = load_pipeline(file, profile)
    if pipeline.deploy is None:
        raise ConfigError(f"{file}: there is no `deploy` section, so there is no canary")
    canary = pipeline.deploy.canary
    name = pipeline.name
    return canary, plan_rollout(
        canary, name=name, model_version=2, model_uri=f"models:/{name}/2", champion_version=1
    )


def _plan(arguments: argparse.Namespace, _canary: Canary, plan: RolloutPlan) -> int:
    from airflow_mlops.core.rollout.forecast import forecast, spell

    found = forecast(plan, rps=arguments.rps, error_rate=arguments.error_rate)
    print(f"canary of {plan.name} at {arguments.rps:g} requests/s\n\n{'guarantee':<11}{found.guarantee}")
    print(f"{'shortest':<11}{spell(found.shortest_s)} from the first step to all traffic\n")
    for line in _table(found):
        print(line)
    warnings = [f"{_name(step)}: {text}" for step in found.steps for text in step.warnings]
    for title, lines in (("warning", warnings), ("proposal", found.proposals)):
        for line in lines:
            print(f"{title}: {line}")
    return 1 if warnings else 0


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
    return [*lines, ""]


def _cell(requests: float | None, rps: float) -> str:
    from airflow_mlops.core.rollout.forecast import spell

    if requests is None:
        return "-"
    if requests == float("inf") or not rps:
        return "never"
    return f"{requests:,.0f} = {spell(requests / rps)}"


def _name(step: StepForecast) -> str:
    return f"{step.percent} %" if step.percent else "shadow"


def _simulate(arguments: argparse.Namespace, canary: Canary, plan: RolloutPlan) -> int:
    from airflow_mlops.core.rollout.forecast import spell
    from airflow_mlops.core.rollout.simulation import fault_in_words, simulate

    state = simulate(
        plan,
        fault=arguments.fault,
        rps=arguments.rps,
        error_rate=arguments.error_rate,
        poll_s=canary.poll.total_seconds(),
        seed=arguments.seed,
    )
    print(f"{arguments.fault}: {fault_in_words(arguments.fault)}\n")
    for entry in state.history:
        print(f"{spell(entry.at):>7}  {entry.to:<18} {entry.reason}")
    ends = {"PROMOTING": "PROMOTED", "ROLLING_BACK": "ROLLED_BACK"}
    print(f"\n{ends.get(state.phase, str(state.phase))}")
    return 0
