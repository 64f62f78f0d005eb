"""Model check: every interleaving of two drivers, with a crash and an unreliable target anywhere.

The real driver runs on a store, a target and a registry that are one immutable value. Each of its calls is a
step; after every step any driver may go on, die, or the target may lose its lease or restart. A driver is run
anew for each of its steps, with the recorded answers of the calls before; states that were seen are not
explored again. So the search is complete within its budget of accidents.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

import pytest

from airflow_mlops.core.errors import BackendError, RolloutConflict
from airflow_mlops.rollout import moves
from airflow_mlops.rollout.core import (
    Counts,
    EpochCounts,
    Health,
    Observation,
    Phase,
    RolloutPlan,
    RolloutState,
    find_rejection,
    judge,
    machine,
    new_state,
    rollout_id,
    transitions,
)
from airflow_mlops.rollout.driver import RolloutDriver

PLAN = RolloutPlan(
    name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(50,), hold_s=0,
    step_timeout_s=1000, min_requests=100, tolerance=0.02,
)  # fmt: skip
ID = rollout_id(PLAN)
NEWER = replace(PLAN, model_version=4, model_uri="models:/churn/4")
SEEN: list[RolloutState] = []


@cache
def split_epoch(champion: int | None, weights: tuple[tuple[int, int], ...]) -> int:
    """Number the splits: the same split counts on in the same epoch, so that the world stays finite."""
    return 10 + 1000 * (champion or 0) + sum(100 * version + percent for version, percent in weights)


@dataclass(frozen=True)
class World:
    """All that is outside of the drivers: hashable, so that a state is known again."""

    rollouts: tuple[tuple[str, int, int], ...]
    """(id, revision, number of the state in SEEN)"""
    aliases: tuple[tuple[str, int], ...]
    champion: int | None
    weights: tuple[tuple[int, int], ...] = ()
    loaded: frozenset[int] = frozenset()
    tags: tuple[tuple[int, str], ...] = ()
    failures: int = 0

    def state(self, id_: str) -> tuple[RolloutState, int] | None:
        found = next((item for item in self.rollouts if item[0] == id_), None)
        return None if found is None else (SEEN[found[2]], found[1])

    def with_state(self, state: RolloutState, revision: int) -> World:
        others = tuple(item for item in self.rollouts if item[0] != state.id)
        return replace(self, rollouts=(*others, (state.id, revision, number(state))))

    def weight(self, version: int) -> int:
        given = dict(self.weights)
        return 100 - sum(given.values()) if version == self.champion else given.get(version, 0)

    def lapsed(self) -> World:
        """The lease ran out."""
        return replace(self, weights=tuple((version, 0) for version, _ in self.weights))

    def restarted(self) -> World:
        """A proxy that forgot its weights, in front of servers that forgot their versions."""
        return replace(self, weights=(), loaded=frozenset())


NUMBERS: dict[Any, int] = {}


def number(state: RolloutState) -> int:
    labels = tuple(t.to for t in state.history)
    epochs = tuple(e.epoch for e in state.epochs)
    key = (state.id, state.phase, state.step, state.settled, state.verified, state.moving, state.outcome,
           state.reason, state.since, state.plan.champion_version, state.plan.tolerance, state.rejected,
           state.digest, state.champion_digest, labels, epochs, state.cold)  # fmt: skip
    if key not in NUMBERS:
        NUMBERS[key] = len(SEEN)
        SEEN.append(state)
    return NUMBERS[key]


class Stop(BaseException):
    """The driver has made its one new call."""


class Calls:
    """Answers a driver's calls: the recorded ones first, then one on the world, then no more."""

    def __init__(self, world: World, recorded: tuple[Any, ...]) -> None:
        self.world = world
        self.recorded = recorded
        self.used = 0
        self.new: tuple[Any, ...] = ()
        self.done = False

    def __call__(self, effect: Callable[[World], tuple[World, Any]], alone: bool = False) -> Any:
        """Answer a call; one that does not touch the others (``alone``) goes with the one after it."""
        if self.used == len(self.recorded):
            if self.done:
                raise Stop
            try:
                self.world, answer = effect(self.world)
            except (RolloutConflict, BackendError) as error:
                answer = error
            self.new = (*self.new, answer)
            self.done = not alone
        else:
            answer = self.recorded[self.used]
            self.used += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


class Outside:
    """Store, target and aliases of one driver."""

    def __init__(self, calls: Calls) -> None:
        self.call = calls

    # The store.
    def find(self, id_: str) -> RolloutState | None:
        return cast(Any, self.call(lambda w: (w, (w.state(id_) or (None,))[0])))

    def get(self, id_: str) -> tuple[RolloutState, int]:
        return cast(Any, self.call(lambda w: (w, w.state(id_))))

    def running(self, name: str) -> RolloutState | None:
        return cast(Any, self.call(lambda w: (w, running(w))))

    def rejection(self, name: str, version: int, digest: str) -> RolloutState | None:
        return cast(Any, self.call(lambda w: (w, find_rejection(ended(w), version, digest))))

    def latest(self, name: str) -> RolloutState | None:
        return cast(Any, self.call(lambda w: (w, max_created(w))))

    def create_or_get(self, plan: RolloutPlan, now: float, who: str = "controller") -> RolloutState:
        def effect(w: World) -> tuple[World, RolloutState]:
            known = w.state(rollout_id(plan))
            if known is not None:
                return w, known[0]
            if running(w) is not None:
                raise RolloutConflict("only one may move traffic")
            state = new_state(plan, now, who)
            return w.with_state(state, 1), state

        return cast(Any, self.call(effect))

    def save(self, state: RolloutState, expected: int) -> int:
        def effect(w: World) -> tuple[World, tuple[RolloutState, int]]:
            known = w.state(state.id)
            if known is None or known[1] != expected:
                raise RolloutConflict("another process moved it")
            return w.with_state(state, expected + 1), (state, expected + 1)

        return cast(int, self.call(effect)[1])

    # The target.
    def ensure(self, version: int, model_uri: str, digest: str = "") -> Health:
        return cast(Any, self.call(lambda w: (replace(w, loaded=w.loaded | {version}), Health("ok")), True))

    def set_weight(self, version: int, champion: int | None, percent: int) -> None:
        self.call(lambda w: (replace(w, champion=champion, weights=((version, percent),)), None))

    def observe(self, version: int, champion: int | None, since: int | None) -> Observation:
        return cast(Any, self.call(lambda w: (w, observed(w, version, champion, since))))

    def finalize(self, champion: int | None) -> None:
        self.call(
            lambda w: (
                replace(w, champion=champion, weights=(), loaded=w.loaded & {champion}),  # type: ignore[arg-type]
                None,
            )
        )

    # The registry.
    def alias(self, name: str) -> int | None:
        return cast(Any, self.call(lambda w: (w, dict(w.aliases).get(name))))

    def digest(self, version: int) -> str:
        return cast(str, self.call(lambda w: (w, f"model {version}"), True))

    def check(self, version: int) -> None:
        self.call(lambda w: (w, None), True)

    def set(self, alias: str, version: int) -> None:
        self.call(lambda w: (replace(w, aliases=items({**dict(w.aliases), alias: version})), None))

    def delete(self, alias: str) -> None:
        self.call(lambda w: (replace(w, aliases=items({k: v for k, v in w.aliases if k != alias})), None))

    def tag(self, version: int, tags: Mapping[str, str]) -> None:
        told = tags["mlops.rollout.outcome"]
        self.call(lambda w: (replace(w, tags=items({**dict(w.tags), version: told})), None), True)

    def attach(self, version: int, filename: str, payload: Mapping[str, Any]) -> None:
        self.call(lambda w: (w, None), True)


class AliasesOf:
    def __init__(self, outside: Outside) -> None:
        self.get, self.check, self.digest = outside.alias, outside.check, outside.digest
        self.set, self.delete, self.tag, self.attach = (
            outside.set, outside.delete, outside.tag, outside.attach,
        )  # fmt: skip


def items(found: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(sorted(found.items()))


def running(world: World) -> RolloutState | None:
    return next((SEEN[n] for _, _, n in world.rollouts if not SEEN[n].terminal), None)


def ended(world: World) -> list[RolloutState]:
    states = [SEEN[n] for _, _, n in world.rollouts if SEEN[n].terminal]
    return sorted(states, key=lambda state: -state.plan.model_version)


def max_created(world: World) -> RolloutState | None:
    known = [SEEN[n] for _, _, n in world.rollouts]
    return max(known, key=lambda state: state.plan.model_version, default=None)


def observed(w: World, version: int, champion: int | None, since: int | None) -> Observation:
    epochs: tuple[EpochCounts, ...] = ()
    percent = w.weight(version)
    if since is not None and champion == w.champion and 0 < percent < 100:
        counted = Counts(400, 4 * w.failures), Counts(400, 0)
        epochs = (EpochCounts(split_epoch(champion, w.weights), percent, *counted),)
    health = Health("ok") if version in w.loaded else Health("absent")
    return Observation(health=health, percent=percent, champion=w.champion, epoch=1, epochs=epochs)


Job = Callable[[RolloutDriver], RolloutState]


@dataclass(frozen=True)
class Actor:
    """One driver: the jobs left, and the answers so far in the first of them. None: it was told to end."""

    jobs: tuple[str, ...]
    answers: tuple[Any, ...] = ()

    @property
    def idle(self) -> bool:
        return not self.answers


JOBS: dict[str, Job] = {
    "poll": lambda driver: driver.poll(ID),
    "restore": lambda driver: driver.restore(ID, "rolled back by ann", "ann"),
    "supersede": lambda driver: driver.start(NEWER, "ann", on_newer="supersede"),
    "poll newer": lambda driver: driver.poll(rollout_id(NEWER)),
}


def step(world: World, actor: Actor) -> tuple[World, Actor]:
    """Let an actor make one call."""
    calls = Calls(world, actor.answers)
    outside = Outside(calls)
    driver = RolloutDriver(cast(Any, outside), cast(Any, outside), cast(Any, AliasesOf(outside)), lambda: 0.0)
    try:
        state = JOBS[actor.jobs[0]](driver)
    except Stop:
        return calls.world, replace(actor, answers=(*actor.answers, *calls.new))
    except BackendError:  # What Airflow tries again.
        return calls.world, replace(actor, answers=())
    # A poll is done again until the rollout has ended; everything else is done once.
    again = actor.jobs[0].startswith("poll") and not state.terminal
    jobs = actor.jobs if again else actor.jobs[1:]
    return calls.world, Actor(jobs)


@dataclass(frozen=True)
class Node:
    world: World
    actors: tuple[Actor, ...]
    crashes: int
    accidents: int
    crashed: bool = False


def successors(node: Node) -> Iterator[Node]:
    for place, actor in enumerate(node.actors):
        if not actor.jobs:
            continue
        world, after = step(node.world, actor)
        yield replace(node, world=world, actors=_put(node.actors, place, after))
        if node.crashes and not actor.idle:
            reborn = replace(actor, answers=())
            yield replace(
                node, actors=_put(node.actors, place, reborn), crashes=node.crashes - 1, crashed=True
            )
    if node.accidents and any(actor.jobs for actor in node.actors):
        for world in {node.world.lapsed(), node.world.restarted()} - {node.world}:
            yield replace(node, world=world, accidents=node.accidents - 1)


def _put(actors: tuple[Actor, ...], place: int, actor: Actor) -> tuple[Actor, ...]:
    return (*actors[:place], actor, *actors[place + 1 :])


def key_of(node: Node) -> Any:
    """What decides what can follow; who is called first and who second does not."""
    return replace(node, actors=()), tuple(sorted((a.jobs, _memory(a.answers)) for a in node.actors))


def _memory(answers: tuple[Any, ...]) -> tuple[str, ...]:
    """What a driver still knows: the last two states that it read or wrote, and how often it was too late."""
    known = [place for place, answer in enumerate(answers) if isinstance(answer, tuple)]
    start = known[-2] if len(known) > 1 else 0
    late = sum(isinstance(answer, RolloutConflict) for answer in answers[:start])
    return (str(late), *(repr(_answer(answer)) for answer in answers[start:]))


def _answer(answer: Any) -> Any:
    if isinstance(answer, tuple):
        return number(answer[0]), answer[1]
    if isinstance(answer, RolloutState):
        return number(answer)
    if isinstance(answer, Observation):
        return answer.percent, answer.champion, answer.health.status, tuple(e.epoch for e in answer.epochs)
    return str(answer)


def explore(start: Node) -> tuple[int, list[Node]]:
    """Return how many states there are, and the final ones."""
    known, waiting, final = {key_of(start)}, [start], []
    while waiting:
        node = waiting.pop()
        check(node)
        more = list(successors(node))
        if not more:
            final.append(node)
        for following in more:
            key = key_of(following)
            if key not in known:
                known.add(key)
                waiting.append(following)
    return len(known), final


def check(node: Node) -> None:
    """What must hold after every single step."""
    world = node.world
    assert [k for k, _ in world.aliases].count("champion") == 1
    assert sum(1 for _, _, n in world.rollouts if not SEEN[n].terminal) <= 1
    state = world.state(ID)
    assert state is not None
    gone = state[0].phase in (Phase.ROLLED_BACK, Phase.SUPERSEDED)
    awake = any(not actor.idle for actor in node.actors) or running(world) is not None
    if gone and world.weight(3) and not node.crashed:
        assert awake, "a rolled-back version has traffic and nobody is about to take it away"


class Told:
    """A result without its long evidence."""

    def to_json(self) -> dict[str, Any]:
        return {}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge is pure: ask it once for the same counts. What is attached is no part of the model."""
    remembered = cache(judge)
    for module in (machine, transitions):
        monkeypatch.setattr(module, "judge", remembered)
    monkeypatch.setattr(moves, "result", lambda state: Told())


def begin(failures: int) -> World:
    """The version is loaded and the rollout about to take its first step."""
    world = World((), (("champion", 2), ("challenger", 3), ("previous", 1)), 2, failures=failures)
    seen = Observation(health=Health("ok"), percent=0, champion=2, epoch=1)
    warming, _ = machine.advance(new_state(PLAN, 0.0), seen, 0.0)
    step, _ = machine.advance(warming, seen, 0.0)
    assert step.phase is Phase.STEP
    return replace(world, loaded=frozenset({2, 3})).with_state(step, 1)


TWO, ANN, NEWER_COMES = (
    (("poll",), ("poll",)),
    (("poll",), ("restore",)),
    (("poll",), ("supersede", "poll newer")),
)
BACK, ON = {"ROLLED_BACK"}, {"PROMOTED"}
ALWAYS = [(TWO, 0, ON, 0, 0), (TWO, 60, BACK, 0, 0), (ANN, 60, BACK, 0, 0)]
MORE = [  # Some minutes: INTERLEAVINGS=all pytest tests/unit/backends/test_rollout_interleavings.py
    (TWO, 60, BACK, 1, 0), (ANN, 60, BACK, 1, 0),
    (TWO, 0, ON, 1, 0), (TWO, 0, ON, 0, 1), (TWO, 60, BACK, 0, 1), (TWO, 60, BACK, 1, 1),
    (ANN, 0, ON | BACK, 0, 0), (ANN, 0, ON | BACK, 1, 0), (ANN, 0, ON | BACK, 0, 1),
    (NEWER_COMES, 0, ON | {"SUPERSEDED"}, 0, 0), (NEWER_COMES, 60, BACK | {"SUPERSEDED"}, 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("jobs", "failures", "ends", "crashes", "accidents"),
    [*ALWAYS, *(MORE if os.environ.get("INTERLEAVINGS") == "all" else [])],
)
def test_every_interleaving_ends_well(
    jobs: tuple[tuple[str, ...], ...], failures: int, ends: set[str], crashes: int, accidents: int
) -> None:
    start = Node(begin(failures), tuple(Actor(each) for each in jobs), crashes, accidents)
    _, final = explore(start)
    assert {str(found(node).phase) for node in final} == ends
    for node in final:
        settled(node)


def found(node: Node) -> RolloutState:
    state = node.world.state(ID)
    assert state is not None
    return state[0]


def settled(node: Node) -> None:
    """Aliases and traffic at the end are those of a run that nobody disturbed."""
    world = node.world
    newer = world.state(rollout_id(NEWER))
    last = newer[0] if newer is not None else found(node)
    assert last.terminal
    assert dict(world.aliases)["champion"] == world.champion
    if last.phase is Phase.PROMOTED:
        assert world.champion == last.plan.model_version
        assert dict(world.aliases)["previous"] == last.plan.champion_version
    else:
        assert world.champion == last.plan.champion_version
    assert dict(world.aliases).get("challenger") is None
    assert not any(percent for _, percent in world.weights)
    assert dict(world.tags)[last.plan.model_version] == str(last.phase)
