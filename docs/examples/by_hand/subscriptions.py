"""The source of the pipelines in `many.py`."""

from pathlib import Path

import pandas as pd


def at_price(price: float) -> pd.DataFrame:
    """Return the subscriptions at one price."""
    rows = pd.read_csv(Path(__file__).with_name("subscriptions.csv"))
    return rows[rows["price"] == price].drop(columns="price")
