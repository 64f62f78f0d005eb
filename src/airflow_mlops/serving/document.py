"""What is in force in all workers of a server: the split, the versions wanted, the reference. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from airflow_mlops.serving.guards import Reference
from airflow_mlops.serving.traffic import Traffic


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A version to have in memory.

    A higher ``order`` asks for it to be loaded again; ``copy`` tells downloads of the same address apart.
    ``crashed`` is how it ended the process that ran it; such a version is not run any more. ``digest`` names
    the model that it must be, since an address may name another one later; empty: any.
    """

    uri: str
    order: int = 0
    copy: int = 0
    crashed: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Document:
    """The state that all workers share; ``orders`` counts the orders so far."""

    traffic: Traffic = field(default_factory=Traffic)
    versions: Mapping[int, Wanted] = field(default_factory=dict)
    reference: Reference | None = None
    orders: int = 0

    def want(self, version: int, uri: str, *, reload: bool = False, digest: str = "") -> Document:
        """Return the state with an order to load a version; ``reload`` from the registry, not the disk.

        ``digest`` names its model; without one a ``reload`` takes the model that is registered now.
        """
        order = self.orders + 1
        known = self.versions.get(version)
        copy = order if reload else known.copy if known else 0
        before = known.digest if known and not reload else ""
        wanted = Wanted(uri=uri, order=order, copy=copy, digest=digest or before)
        return replace(self, versions={**self.versions, version: wanted}, orders=order)

    def without(self, version: int) -> Document:
        """Return the state in which a version is not wanted any more."""
        return replace(self, versions={v: w for v, w in self.versions.items() if v != version})

    def with_traffic(self, traffic: Traffic) -> Document:
        """Return the state with another split; the reference ends with its canary."""
        known = self.reference
        kept = known if known and traffic.pair == (known.champion, known.canary) else None
        return replace(self, traffic=traffic, reference=kept)

    def quarantine_version(self, version: int, reason: str, now: float) -> Document:
        """Return the state in which a version that crashed has no traffic and is not run any more.

        A champion keeps both: nobody could take its place. ``now`` in epoch seconds.
        """
        wanted = self.versions.get(version)
        if wanted is None or version == self.traffic.champion:
            return self
        versions = {**self.versions, version: replace(wanted, crashed=reason)}
        return replace(self, versions=versions).with_traffic(self.traffic.drop_canary(version, now))

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain JSON values, by the keys of the database."""
        plain: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return plain

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Document:
        """Build the state from ``to_json`` output that went through JSON; what is missing is empty."""
        known = {key: value for key, value in data.items() if value is not None}
        versions = known.get("versions", {}).items()
        # Earlier servers kept only the address of a version.
        known["versions"] = {
            v: {"uri": wanted} if isinstance(wanted, str) else wanted for v, wanted in versions
        }
        return msgspec.convert(known, cls, str_keys=True)


__all__ = ["Document", "Wanted"]
