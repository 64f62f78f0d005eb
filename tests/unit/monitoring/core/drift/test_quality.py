from __future__ import annotations

import numpy as np

from airflow_mlops.monitoring.core.drift.profiles import CategoricalProfile, ColumnProfile, numeric_profile
from airflow_mlops.monitoring.core.drift.quality import quality_findings


def test_quality_names_missing_columns_nulls_unknown_levels_and_wild_values() -> None:
    before: dict[str, ColumnProfile] = {
        "gone": numeric_profile(np.arange(10.0), (0.0, 9.0)),
        "holes": numeric_profile(np.arange(10.0), (0.0, 9.0)),
        "wild": numeric_profile(np.arange(10.0), (0.0, 9.0)),
        "text": CategoricalProfile(count=10, nulls=0, levels=("a",), counts=(10,)),
        "fine": numeric_profile(np.arange(10.0), (0.0, 9.0)),
    }
    after: dict[str, ColumnProfile] = {
        "holes": numeric_profile(np.arange(5.0), (0.0, 9.0), nulls=5),
        "wild": numeric_profile(np.asarray([1.0, -9999.0]), (0.0, 9.0)),
        "text": CategoricalProfile(count=10, nulls=0, levels=("a",), counts=(9,), other=1),
        "fine": numeric_profile(np.arange(10.0), (0.0, 9.0)),
    }
    assert quality_findings(before, after) == (
        "gone: missing from the window, or not numeric any more",
        "holes: 50.0% null, 0.0% in the reference",
        "wild: values from -9999 to 1, 0 to 9 in the reference",
        "text: 10.0% rare or unknown levels, 0.0% in the reference",
    )
