"""What can still be looked at deeply in a file that has faults, so that one fault does not hide another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from airflow_mlops.config.faults import Fault
from airflow_mlops.config.loader import Variant
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.shape import switched

_STAND_INS: Final[Mapping[str, Any]] = {
    "name": "stand_in",
    "data": {"source": {"type": "csv", "filepath": "rows.csv"}, "target": "target"},
    "train": {"estimator": "sklearn.dummy.DummyClassifier"},
    "evaluate": {"metrics": ["accuracy"]},
}


def without_faults(variant: Variant) -> tuple[Pipeline | None, set[str]]:
    """Return the configuration with every faulty section left out or stood in for, and their names.

    Rules that read one of these sections have nothing to say. None when the file does not come to shape.
    """
    values, _ = switched(variant.layer)
    broken = {_section(fault, variant.profile) for fault in variant.faults}
    kept = {key: value for key, value in values.items() if key not in broken and key in _known()}
    broken |= _STAND_INS.keys() - kept.keys()
    try:
        return Pipeline.model_validate({**_STAND_INS, **kept}), broken
    except ValidationError:
        return None, broken


def _section(fault: Fault, profile: str | None) -> str:
    return fault.path.removeprefix(f"profiles.{profile}.").partition(".")[0]


def _known() -> set[str]:
    return {field.alias or name for name, field in Pipeline.model_fields.items()}
