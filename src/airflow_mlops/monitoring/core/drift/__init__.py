"""Drift: compares the profile of a window with the reference profile written at training.

``profiles`` holds what is kept of a column; ``numeric`` and ``categorical`` are one drift test each, by the
kind of column. A new one is a module with a ``DriftTest`` and a line here. ``multiple`` controls false alarms
over many columns, ``verdict`` is the decision, ``quality`` reports what is wrong without being drift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_mlops.core.class_table import ClassTable

if TYPE_CHECKING:
    from airflow_mlops.monitoring.core.drift.base import DriftTest

DRIFT_TESTS: Final[ClassTable[DriftTest[Any]]] = ClassTable(
    "drift test",
    {
        "numeric": "airflow_mlops.monitoring.core.drift.numeric:NumericDrift",
        "categorical": "airflow_mlops.monitoring.core.drift.categorical:CategoricalDrift",
    },
)
"""The test of each kind of column."""


def drift_test(kind: str) -> DriftTest[Any]:
    """Return the drift test of a kind of column; raises ConfigError for an unknown kind."""
    return DRIFT_TESTS.load(kind)()
