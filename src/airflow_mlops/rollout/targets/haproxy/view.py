"""What one look at HAProxy and its two slots says: who holds which version, who gets what. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from airflow_mlops.core.errors import BackendError, TrafficHeld
from airflow_mlops.rollout.core import Health
from airflow_mlops.rollout.targets.base import OrderedBy
from airflow_mlops.rollout.targets.haproxy.runtime import ServerStats
from airflow_mlops.rollout.targets.haproxy.split import Reading, Split, latest, went_down
from airflow_mlops.rollout.targets.model_server import UnreachableServerError, health_of

SPARE: Final = "_spare"
"""Ending of the name of the server that takes a champion's traffic when no weight is left."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One look: HAProxy's ``stats`` by server, the ``states`` of the slots that answer, why the others are
    ``silent``, and the ``splits`` that HAProxy remembers.
    """

    stats: Mapping[str, ServerStats]
    states: Mapping[str, Mapping[str, Any]]
    silent: Mapping[str, str]
    splits: list[Split] = field(default_factory=list)

    @property
    def champion_slot(self) -> str | None:
        """The slot of the champion; the one with more weight when both have one (two fresh servers)."""
        slots = [slot for slot, state in self.states.items() if state["champion"] is not None]
        return max(slots, key=lambda slot: self.stats[slot].weight, default=None)

    @property
    def champion(self) -> int | None:
        """The version that serves as champion."""
        return None if self.champion_slot is None else int(self.states[self.champion_slot]["champion"])

    @property
    def epoch(self) -> int:
        """A number not below any split so far, nor any server's weight epoch."""
        known = latest(self.splits)
        return max([known.number if known else 0, *(int(s["epoch"]) for s in self.states.values())])

    def versions(self, slot: str) -> list[int]:
        """Return the versions that a slot has loaded, or tried to."""
        return [int(version) for version in self.states[slot]["versions"]]

    def checked(self, orders: OrderedBy) -> View:
        """Return this view; raises TrafficHeld when another controller's canary is in force in a slot."""
        for slot, state in self.states.items():
            control = state.get("control") or {}
            other = control and control["controller"] != orders.controller
            if other and orders.controller and not orders.takeover:
                raise TrafficHeld(
                    f"another rollout controller moves the traffic of slot {slot}: rollout store "
                    f"{control['place'] or '?'} ({control['controller']}), held for "
                    f"{control['held_s']:.0f} s more: no traffic was moved. Wait for its rollout or end it"
                )
        return self

    def slot_of(self, version: int | None) -> str | None:
        """Return the slot that holds ``version`` and answers; a slot of another champion does not count."""
        slots = [
            slot
            for slot, state in self.states.items()
            if version in self.versions(slot) and state["champion"] in (None, version)
        ]
        return max(
            slots, key=lambda slot: (slot == self.champion_slot, self.stats[slot].weight), default=None
        )

    def dead_slot_of(self, version: int | None) -> str | None:
        """Return the slot that held ``version`` and answers neither us nor HAProxy's checks."""
        slot = self._held(version)
        if slot is None or slot not in self.silent or self.stats[slot].up:
            return None
        return slot

    def free_slot(self) -> str:
        """Return the slot for a new version; raises BackendError when there is none, or it cannot be told."""
        split = latest(self.splits)
        known = () if split is None else (split.canary_slot, split.champion_slot)
        for slot, why in self.silent.items():
            if slot not in known or self.stats[slot].up:
                raise UnreachableServerError(why)
        others = [slot for slot in self.states if slot != self.champion_slot]
        if not others:
            raise UnreachableServerError(next(iter(self.silent.values()), "no slot is free"))
        slot = min(others, key=lambda name: len(self.states[name]["versions"]))
        busy = [version for version, percent in self.states[slot]["weights"].items() if percent]
        if busy and self.states[slot]["champion"] is None:
            raise BackendError(f"slot {slot} still serves version {busy[0]}: end its rollout first")
        return slot

    def reading(self, slot: str) -> Reading:
        """Return the counters of a slot that answers."""
        stats = self.stats[slot]
        return Reading(epoch=int(self.states[slot]["epoch"]), downs=stats.downs, unserved=stats.unserved)

    def stands(self, asked: Split, weights: Mapping[str, int]) -> bool:
        """Say whether the split that is asked for is in force, undisturbed for the champion."""
        split = latest(self.splits)
        if split is None or split.ended:
            return False
        same = replace(split, number=0, limit=None, canary=None, champion_=None) == asked
        if not same or any(self.stats[slot].weight != weight for slot, weight in weights.items()):
            return False
        canary, champion = self._now(split.canary_slot), self._now(split.champion_slot)
        return (
            _epoch(split.canary) == _epoch(canary)
            and _epoch(split.champion_) == _epoch(champion)
            and not went_down(split.champion_, champion)
        )

    def health(self, version: int) -> Health:
        """Return how a version is; one whose server died under traffic has failed."""
        slot, split = self.slot_of(version), latest(self.splits)
        if slot is None:
            dead = self.dead_slot_of(version)
            return Health("absent") if dead is None else Health("failed", self.death(dead))
        if split is not None and not split.ended and (split.version, split.canary_slot) == (version, slot):
            times = went_down(split.canary, self._now(slot)) if split.percent else 0
            if times:
                return Health(
                    "failed",
                    f"the server of slot {slot} went down {times} time(s) while it had traffic "
                    f"(HAProxy's check now: {self.stats[slot].detail})",
                )
        return health_of(self.states[slot]["versions"][str(version)])

    def death(self, slot: str) -> str:
        """Return in words that a slot with traffic does not answer."""
        return f"the server of slot {slot} died (HAProxy's check: {self.stats[slot].detail})"

    def share(self, version: int) -> int:
        """Return the percent of requests that ``version`` gets now."""
        slots = [*self.states, *self.silent]
        usable = {slot: self.stats[slot].weight for slot in slots if self.stats[slot].up}
        if not any(usable.values()):
            usable = {slot: self.stats[slot + SPARE].weight for slot in slots if self.stats[slot + SPARE].up}
        total = sum(usable.values())
        mine = sum(weight for slot, weight in usable.items() if self._serves(slot, version))
        return round(100 * mine / total) if total else 0

    def _serves(self, slot: str, version: int) -> bool:
        if slot in self.states:
            return version in self.versions(slot) and self.states[slot]["champion"] in (None, version)
        return slot == self._held(version)

    def _held(self, version: int | None) -> str | None:
        """Return the slot of ``version`` in the split that HAProxy remembers."""
        split = latest(self.splits)
        if split is None or version is None:
            return None
        return {split.champion: split.champion_slot, split.version: split.canary_slot}.get(version)

    def _now(self, slot: str | None) -> Reading | None:
        return self.reading(slot) if slot is not None and slot in self.states else None


def _epoch(reading: Reading | None) -> int | None:
    return None if reading is None else reading.epoch
