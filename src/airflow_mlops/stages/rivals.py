"""Comparisons of a challenger with the champion and with the champion's anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import FeatureSet
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.training.contest import Challenge, Contest, contest, judged_uri
from airflow_mlops.training.core import anchor as anchors
from airflow_mlops.training.core.anchor import Anchor
from airflow_mlops.training.counted_rows import counted_rows
from airflow_mlops.training.registry import Version


@dataclass(frozen=True)
class Rivals:
    """The contests with the champion and with the anchor; None where that version does not exist.

    ``anchor`` is for the tags of the challenger, if it is registered: its anchor and the losses since.
    """

    champion: Contest | None = None
    anchor_contest: Contest | None = None
    anchor: Anchor = field(default_factory=lambda: Anchor(None))


def held_against(call: StageCall, features: FeatureSet, challenge: Challenge, names: Sequence[str]) -> Rivals:
    """Compare a challenger with the champion and with the champion's anchor.

    By the metrics that have limits, else by the first of ``names``. Raises BackendError when MLflow does not
    answer.
    """
    section = call.pipeline.evaluate
    number = call.registry.get("champion")
    if number is None:
        return Rivals()
    champion = call.registry.version(number)
    steps = section.champion_limits or dict.fromkeys(names[:1], "")
    if section.against_champion is None or section.against_anchor is None:
        return Rivals(_against(call, features, challenge, champion, steps))
    whole = anchors.total_limits(steps, section.against_anchor)
    behind = _anchor_version(call, champion)
    if behind is not None:
        anchor = Anchor(behind.version, anchors.lost_of(behind.tags))
        found = _against(call, features, challenge, behind, anchors.left_of(whole, anchor))
        if found.is_evidence:
            return Rivals(
                _against(call, features, challenge, champion, steps),
                found,
                anchors.following(anchor, found.comparisons),
            )
    own = Anchor(number, anchors.lost_of(champion.tags))
    limits = anchors.stricter(steps, anchors.left_of(whole, own))
    found = _against(call, features, challenge, champion, limits)
    following = anchors.following(own, found.comparisons) if found.is_evidence else Anchor(None, own.lost)
    return Rivals(found, None, following)


def _anchor_version(call: StageCall, champion: Version) -> Version | None:
    """Return the version that the champion's tags name as its anchor, None when that is itself or is gone."""
    number = anchors.anchor_of(champion.version, champion.tags).version
    if number is None or number == champion.version:
        return None
    try:
        return call.registry.version(number)
    except ConfigError:
        return None


def _against(
    call: StageCall, features: FeatureSet, challenge: Challenge, version: Version, limits: dict[str, str]
) -> Contest:
    name, data = call.pipeline.name, call.pipeline.data
    counted = counted_rows(challenge.rows, data, features, version, call.registry, call.read)
    uri = judged_uri(name, version)
    return contest(call.mlflow, uri, version.version, challenge, limits, counted)
