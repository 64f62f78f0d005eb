"""The anchor of the gate: the best earlier champion, so that small losses do not add up without a bound.

A challenger is held against the champion and against the anchor. Each step may lose what its limit allows,
but all steps since the anchor together may lose no more than the tolerance, however many they are. Only a
version that is shown to be as good as the anchor takes its place. Where an anchor can no longer be asked, the
champion takes its place, and what it may have lost until then is taken from the tolerance.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airflow_mlops.core.limits import Limit
from airflow_mlops.core.records import Comparison
from airflow_mlops.core.tags import ANCHOR, ANCHOR_LOST


@dataclass(frozen=True)
class Anchor:
    """A version, and per metric how much of the tolerance was used up when it became the anchor.

    ``version`` is None for the version that is about to be registered.
    """

    version: int | None
    lost: Mapping[str, float] = field(default_factory=dict)


def anchor_of(version: int, tags: Mapping[str, str]) -> Anchor:
    """Return the anchor that a version's tags name, with the losses of that version; else itself.

    >>> anchor_of(7, {"mlops.anchor": "3", "mlops.anchor.lost": '{"roc_auc": 0.002}'})
    Anchor(version=3, lost={'roc_auc': 0.002})
    """
    text = tags.get(ANCHOR, "")
    return Anchor(int(text) if text.isdecimal() else version, lost_of(tags))


def tags_of(version: int, anchor: int | None, lost: Mapping[str, float]) -> dict[str, str]:
    """Return the tags of a version whose anchor is ``anchor``, None for itself."""
    rounded = {name: round(value, 9) for name, value in lost.items()}
    return {ANCHOR: str(anchor or version), ANCHOR_LOST: json.dumps(rounded)}


def lost_of(tags: Mapping[str, str]) -> dict[str, float]:
    """Return the losses in a version's tags; none where they cannot be read."""
    try:
        found = json.loads(tags.get(ANCHOR_LOST, "{}"))
        return {str(name): float(value) for name, value in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def tolerance(limit: str, lost: float) -> str:
    """Return what is left of a limit of the total loss; an empty limit stays empty.

    >>> tolerance(">= -0.01", 0.004), tolerance(">= -0.01", 0.02)
    ('>= -0.006', '>= 0')
    """
    if not limit:
        return ""
    whole = Limit.parse(limit)
    left = min(whole.bound + lost, max(whole.bound, 0.0))
    return f"{whole.sign} {left:.12g}"


def total_limits(steps: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the limits of the total loss: those given, else the limits of one step, at most zero.

    >>> total_limits({"roc_auc": ">= -0.005", "f1": "> 0.01"}, {})
    {'roc_auc': '>= -0.005', 'f1': '> 0'}
    """
    return {name: given.get(name) or _at_most_zero(limit) for name, limit in steps.items()}


def left_of(whole: Mapping[str, str], anchor: Anchor) -> dict[str, str]:
    """Return what is left of the limits of the total loss when an anchor has used up a part of them."""
    return {name: tolerance(limit, anchor.lost.get(name, 0.0)) for name, limit in whole.items()}


def stricter(steps: Mapping[str, str], left: Mapping[str, str]) -> dict[str, str]:
    """Return the stricter limit per metric of two mappings with the same metrics.

    >>> stricter({"roc_auc": ">= -0.005"}, {"roc_auc": ">= -0.002"})
    {'roc_auc': '>= -0.002'}
    """

    def strictness(limit: str) -> tuple[float, bool]:
        bound = Limit.parse(limit)
        return bound.bound, bound.is_strict

    both = {name: [text for text in (limit, left[name]) if text] for name, limit in steps.items()}
    return {name: max(texts, key=strictness, default="") for name, texts in both.items()}


def _at_most_zero(limit: str) -> str:
    if not limit:
        return ""
    bound = Limit.parse(limit)
    return str(Limit(bound.sign, min(bound.bound, 0.0)))


def following(anchor: Anchor, against: Sequence[Comparison]) -> Anchor:
    """Return the anchor of a version that passed, from its comparisons with ``anchor``.

    That version itself, when by the first comparison it is not worse at all: its lower bound is not below
    zero. What the metrics may have lost, by their lower bounds, is added; what they gained is given back.

    >>> found = Comparison("roc_auc", 0.8, 0.8, 0.0, -0.002, 0.002, ">= -0.005", True)
    >>> following(Anchor(3), [found])
    Anchor(version=3, lost={'roc_auc': 0.002})
    """
    lost = dict(anchor.lost)
    for item in against:
        if not math.isnan(item.low):
            lost[item.metric] = max(0.0, lost.get(item.metric, 0.0) - item.low)
    is_best = bool(against) and against[0].low >= 0
    return Anchor(None if is_best else anchor.version, lost)
