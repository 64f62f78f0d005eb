"""Which rollout controller moves a server's traffic, and for how long others must keep off. Pure.

A controller is a rollout store: all workers of one Airflow that share a store are the same controller. While
its canary is in force, orders of another one are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Final

from msgspec import Meta

from airflow_mlops.core.errors import TrafficHeld

HELD_S: Final = 120.0
"""Seconds after an order in which its controller holds the traffic, at least."""
ControllerId = Annotated[str, Meta(max_length=200)]
"""What names a controller; empty for one that says no name, as earlier releases do."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """Who gave the last order for a canary.

    ``controller`` is the identity of the rollout store, ``place`` where that store is, for people.
    ``ordered_at`` is the time of the order in epoch seconds, ``ends`` (seconds of the steady clock) until
    when it holds. No controller: anybody may give orders.
    """

    controller: str = ""
    place: str = ""
    ordered_at: float = 0.0
    ends: float = 0.0

    def holds(self, steady: float) -> bool:
        """Whether the last order still keeps others off; ``steady`` in seconds of the steady clock."""
        return bool(self.controller) and steady < self.ends

    def check(self, controller: str, name: str, steady: float) -> None:
        """Raise TrafficHeld when another controller than ``controller`` holds the traffic of model ``name``.

        >>> held = Control(controller="a", place="/opt/rollouts.db", ordered_at=0.0, ends=120.0)
        >>> held.check("a", "churn", 100.0)  # its own orders
        >>> held.check("b", "churn", 120.0)  # it does not hold any more
        """
        if not self.holds(steady) or controller in ("", self.controller):
            return
        at = datetime.fromtimestamp(self.ordered_at, UTC)
        raise TrafficHeld(
            f"another rollout controller moves the traffic of {name}: rollout store {self.place or '?'} "
            f"({self.controller}), last order {at:%Y-%m-%d %H:%M:%S} UTC, held for {self.ends - steady:.0f} "
            "s more: no traffic was moved. Wait for its rollout or end it: one server, one rollout store"
        )

    @staticmethod
    def ordered(controller: str, place: str, *, wall: float, steady: float, lease_s: float | None) -> Control:
        """Return the control after an order for a canary; ``lease_s`` is the canary's lease in seconds."""
        ends = steady + max(HELD_S, lease_s or 0.0)
        return Control(controller=controller, place=place, ordered_at=wall, ends=ends)

    def since_start(self, steady: float) -> Control:
        """Return the control after a reboot, when the steady clock began again."""
        return replace(self, ends=steady + HELD_S) if self.controller else self
