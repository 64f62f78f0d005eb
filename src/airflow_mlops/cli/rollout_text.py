"""A rollout in words: where it stands, what it waits for, what the server and the registry say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from airflow_mlops.cli.terminal import columns

if TYPE_CHECKING:
    from airflow_mlops.rollout.core import Observation, RolloutState
    from airflow_mlops.views.rollouts import RolloutView

PAUSED_ANSWERS: Final = (
    "a person: `airflow-mlops rollout {name} resume` continues it, `abort` rolls it back, and the DAG's "
    "action promote gives it all traffic"
)
_WAITS: Final[Mapping[str, str]] = {
    "PENDING": "its first poll: the task rollout, or `airflow-mlops rollout {name} resume`",
    "WARMING": "the model server to load version {version} and to answer its golden rows",
    "SHADOW": "{requests} of {needed} shadowed requests, without harm",
    "STEP": "{requests} of {needed} canary requests, and enough evidence",
    "PAUSED": PAUSED_ANSWERS,
    "PROMOTING": "MLflow (version, files, alias), then all traffic, then the aliases",
    "ROLLING_BACK": "the model server to give all traffic to the champion, then the aliases",
}


def waits_for(view: RolloutView) -> str:
    """Return what a rollout waits for, empty when it has ended."""
    text = _WAITS.get(view.phase, "")
    found = text.format(
        name=view.name, version=view.version, requests=f"{view.requests:,}", needed=f"{view.min_requests:,}"
    )
    times = (("holds for {:.0f} s more", view.hold_left_s), ("times out in {:.0f} s", view.timeout_left_s))
    return "; ".join(
        [*filter(None, [found]), *(words.format(left) for words, left in times if left is not None)]
    )


def after_the_last(name: str, last: RolloutState | None) -> str:
    """Return the next step after the last rollout of a pipeline; None: it has had none."""
    deploy = f"airflow dags trigger {name}__deploy"
    if last is None:
        return f"Start one: {deploy}"
    if last.label == "PROMOTED":
        return f'To go back to the version before: {deploy} --conf \'{{"action": "rollback"}}\''
    return f"To try that version again: {deploy} --conf '{{\"version\": {last.plan.model_version}}}'"


def lines(
    name: str,
    place: str,
    view: RolloutView | None,
    seen: Observation | None,
    aliases: Mapping[str, int | None] | None,
) -> Iterator[str]:
    """Yield the lines of ``rollout NAME status``; None is what is not there or does not answer."""
    if view is None:
        yield f"{name}  no rollout yet in {place}"
        return
    over = f"over champion version {view.champion_version}" if view.champion_version else "the first version"
    state = "ended" if view.ended else "running"
    yield f"{name}  rollout {view.id}, {state}: version {view.version}, {over}"
    last = view.history[-1]
    rows = [
        ("phase", f"{view.label} since {view.entered:%Y-%m-%d %H:%M:%S} UTC, by {last.who}: {view.reason}")
    ]
    if not view.ended:
        rows.append(("traffic", f"{view.percent} % asked for, {'' if view.settled else 'not yet '}read back"))
        rows.append(("waits for", waits_for(view)))
        polled = "never" if view.polled is None else f"{view.polled:%Y-%m-%d %H:%M:%S} UTC"
        rows.append(("last poll", polled))
    rows += [("guard", f"{guard.name}: {guard.verdict}, {guard.text}") for guard in view.guards]
    if view.tolerance:
        rows.append(("passes", view.tolerance))
    if seen is not None:
        detail = f" ({seen.health.detail})" if seen.health.detail and seen.health.status != "ok" else ""
        rows.append(
            (
                "server",
                f"champion {_version(seen.champion)}, version {view.version} has {seen.percent} %, "
                f"it is {seen.health.status}{detail}",
            )
        )
    if aliases is not None:
        rows.append(("registry", ", ".join(f"{alias} {_version(v)}" for alias, v in aliases.items())))
    rows.append(("store", place))
    yield from columns(rows, "  ")


def _version(version: int | None) -> str:
    return "none" if version is None else f"version {version}"
