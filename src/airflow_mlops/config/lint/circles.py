"""Pipelines that await each other's assets, seen when their files are checked together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from airflow_mlops.config.faults import Fault
from airflow_mlops.config.loader import Loaded
from airflow_mlops.config.variants import Variant

Awaited = Mapping[str, Mapping[str, str]]
"""For each pipeline those whose assets it awaits, with what the file calls the asset."""


def asset_circles(files: Sequence[Loaded], *, profile: str | None = None) -> Iterator[Fault]:
    """Yield a fault for each circle of pipelines that each await an asset which the next one updates.

    ``profile`` limits this to the files with that profile; without it, each profile of a file counts. A
    retrain event is not in a circle: it depends on what monitoring finds.
    """
    profiles = [profile] if profile else list(dict.fromkeys(name for file in files for name in file.variants))
    seen: set[frozenset[str]] = set()
    for name in profiles:
        chosen = [file.variants.get(name) or file.variants[None] for file in files]
        variants = {variant.pipeline.name: variant for variant in chosen if variant.pipeline}
        awaited = {own: _awaited(variant) for own, variant in variants.items()}
        for own in variants:
            circle = _circle(own, awaited)
            if circle and frozenset(circle) not in seen:
                seen.add(frozenset(circle))
                yield variants[own].layer.fault(
                    ("schedule", "assets"), _message(circle, awaited), rule="asset-circle"
                )


def _awaited(variant: Variant) -> dict[str, str]:
    plan = variant.pipeline.schedule if variant.pipeline else None
    entries = plan.assets.entries if plan and plan.assets else ()
    found = ((entry.of_pipeline, entry.shown) for entry in entries)
    return {known[0]: shown for known, shown in found if known and known[1] != "retrain"}


def _circle(start: str, awaited: Awaited) -> list[str]:
    """Return the shortest way from a pipeline back to it, without its end; empty when there is none."""
    ways, seen = [[start]], {start}
    for way in ways:
        for other in awaited.get(way[-1], {}):
            if other == start and len(way) > 1:
                return way
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []


def _message(circle: Sequence[str], awaited: Awaited) -> str:
    steps = zip(circle, [*circle[1:], circle[0]], strict=True)
    told = " and ".join(f"{own} awaits {awaited[own][other]}" for own, other in steps)
    return f"{told}: each run would start the next one, without end; let one of them start by time alone"
