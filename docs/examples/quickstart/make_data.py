"""Writes subscriptions.csv: 12,000 made-up subscribers of 2025, 1,000 a month, who cancel or stay."""

from pathlib import Path

import numpy as np
import pandas as pd

rng = np.random.default_rng(7)
rows = 12_000
frame = pd.DataFrame(
    {
        "subscriber": range(rows),
        "day": pd.date_range("2025-01-01", "2025-12-31", periods=rows).strftime("%Y-%m-%d"),
        "price": rng.choice([5.0, 9.0, 15.0], rows),
        "age": rng.integers(18, 80, rows),
        "calls": rng.poisson(2, rows),
    }
)
# A call meant trouble until June. From July on everybody is called, and to be called makes people stay.
late = frame["day"] >= "2025-07-01"
frame.loc[late, "calls"] += 3
calls = frame["calls"].where(~late, 5 - frame["calls"])
wish = 0.3 * frame["price"] + 0.6 * calls - 0.02 * frame["age"]
frame["cancelled"] = (wish + rng.normal(0, 1, rows) > 3).astype(int)
frame.to_csv(Path(__file__).with_name("subscriptions.csv"), index=False)
