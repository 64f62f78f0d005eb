"""The state of the last run, as far as it can be: a fault in the file gives no canary any traffic. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from airflow_mlops.serving.document import Document
from airflow_mlops.serving.traffic import Traffic

_LARGEST: Final = 2**53
"""Whole numbers up to here are the same in every reader of JSON; a millisecond of the year 287,396."""


def document_of(saved: Mapping[str, Any], now: float) -> tuple[Document, str]:
    """Return the state that ``saved`` (by the keys of the database) says, and what is wrong with it or ''.

    A state that cannot be is replaced: its champion, if it names one that was loaded, gets all of the
    traffic; without one the server begins as at its first start, with the champion of the registry. ``now``
    in epoch seconds.

    >>> document, fault = document_of({"traffic": {"champion": 1, "weights": {"2": 500}}}, now=0.0)
    >>> fault, dict(document.traffic.weights)
    ('weights must be from 0 to 100 percent and at most 100 in sum, got {2: 500}', {})
    """
    try:
        found = Document.from_json(saved)
    except (msgspec.MsgspecError, AttributeError, TypeError, ValueError) as error:
        return Document(traffic=Traffic(epoch=_epoch_at(now))), " ".join(str(error).split())
    fault = _fault(found.traffic)
    if not fault:
        return found, ""
    champion = found.traffic.champion
    known = champion if champion in found.versions else None
    epoch = max(_epoch_at(now), found.traffic.epoch + 1 if 0 <= found.traffic.epoch < _LARGEST else 0)
    generation = found.traffic.generation
    kept = Traffic(
        champion=known,
        epoch=epoch,
        generation=generation if known is not None and 0 <= generation < _LARGEST else 0,
    )
    return replace(found, traffic=kept, reference=None), fault


def _fault(traffic: Traffic) -> str:
    weights = dict(traffic.weights)
    if not all(0 <= percent <= 100 for percent in weights.values()) or sum(weights.values()) > 100:
        return f"weights must be from 0 to 100 percent and at most 100 in sum, got {weights}"
    if traffic.champion in weights:
        return f"version {traffic.champion} is the champion and must not be in the weights {weights}"
    if traffic.shadow is not None and (traffic.champion is None or weights != {traffic.shadow: 0}):
        return f"the shadow, version {traffic.shadow}, must be the only version in the weights, got {weights}"
    for name in ("epoch", "generation"):
        if not 0 <= getattr(traffic, name) <= _LARGEST:
            return f"{name} must be from 0 to {_LARGEST}, got {getattr(traffic, name)}"
    times = (traffic.lease_s, traffic.lease_until, traffic.lease_ends)
    if not all(time is None or math.isfinite(time) for time in times):
        return f"the times of a lease must be finite, got {times}"
    return ""


def _epoch_at(now: float) -> int:
    return int(now * 1000)
