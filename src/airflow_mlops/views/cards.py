"""The card of one version, as it was logged when the version was judged."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.tags import JUDGED_RUN
from airflow_mlops.stages.card import CARD

if TYPE_CHECKING:
    from airflow_mlops.training.registry import Registry

_CHAMPION: Final = "champion"


@dataclass(frozen=True)
class CardView:
    """The card of a version as a page."""

    name: str
    version: int
    html: str


def split_reference(reference: str) -> tuple[str, str]:
    """Return the name of a model and its version or alias, the champion when none is written.

    >>> split_reference("churn@3"), split_reference("churn")
    (('churn', '3'), ('churn', 'champion'))
    """
    name, _, which = reference.partition("@")
    return name, which or _CHAMPION


def read_card(registry: Registry, which: str) -> CardView:
    """Return the card of a version that is named by its number or an alias.

    Raises ConfigError when there is no such version or it has no card, BackendError when MLflow does not
    answer.
    """
    number = int(which) if which.isdecimal() else registry.get(which)
    if number is None:
        raise ConfigError(
            f"{registry.name} has no version with the alias {which}; see `airflow-mlops status`"
        )
    version = registry.version(number)
    for run_id in (version.run_id, version.tags.get(JUDGED_RUN, "")):
        if run_id and (text := _artifact(registry, run_id)):
            return CardView(registry.name, number, text)
    raise ConfigError(
        f"version {number} of {registry.name} has no card: its training was made before there were cards, or "
        "could not draw it (see the log of its task evaluate)"
    )


def _artifact(registry: Registry, run_id: str) -> str:
    """Return the card of a run, empty when it has none."""
    from mlflow.exceptions import MlflowException

    from airflow_mlops.training.tracking import translated

    with translated(registry.uri), tempfile.TemporaryDirectory() as folder:
        if CARD not in {item.path for item in registry.client.list_artifacts(run_id)}:
            return ""
        try:
            return Path(registry.client.download_artifacts(run_id, CARD, folder)).read_text(encoding="utf-8")
        except MlflowException:
            return ""
