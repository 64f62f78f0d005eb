"""Look-alikes of tables that people learn with: their types, gaps and categories, with made-up values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def _where(flags: Any, values: Any) -> pd.Series:
    """Return the values, missing where the flags are set."""
    return pd.Series(values).mask(pd.Series(flags))


def passengers(rows: int = 891, seed: int = 0) -> pd.DataFrame:
    """Like Titanic: names, tickets, cabins with gaps, ages with gaps, ports, and who survived."""
    rng = np.random.default_rng(seed)
    pclass = rng.choice([1, 2, 3], rows, p=[0.24, 0.21, 0.55])
    sex = rng.choice(["male", "female"], rows, p=[0.65, 0.35])
    age = np.clip(rng.normal(30 + 4 * (2 - pclass), 13, rows), 0.4, 80).round(1)
    siblings, parents = rng.poisson(0.5, rows), rng.poisson(0.4, rows)
    fare = np.exp(rng.normal(4.6 - 0.75 * pclass, 0.5, rows)).round(4)
    port = rng.choice(["S", "C", "Q"], rows, p=[0.72, 0.19, 0.09])
    has_cabin = rng.random(rows) < np.where(pclass == 1, 0.8, 0.06)
    chance = 1.2 + 2.6 * (sex == "female") - 1.0 * pclass - 0.03 * (age - 30) - 0.3 * siblings
    chance = chance + 0.5 * (port == "C") + 0.4 * has_cabin
    survived = rng.random(rows) < 1 / (1 + np.exp(-chance))
    cabin = [f"{rng.choice(list('ABCDE'))}{rng.integers(1, 130)}" for _ in range(rows)]
    surnames = rng.integers(0, 700, rows)
    return pd.DataFrame(
        {
            "PassengerId": np.arange(1, rows + 1),
            "Pclass": pclass,
            "Name": [f"Name{k}, Mr. First{i} Second" for i, k in enumerate(surnames)],
            "Sex": sex,
            "Age": _where(rng.random(rows) < 0.2, age),
            "SibSp": siblings,
            "Parch": parents,
            "Ticket": [f"{rng.choice(['PC', 'A/5', 'CA'])} {k}" for k in rng.integers(10_000, 11_500, rows)],
            "Fare": fare,
            "Cabin": _where(~has_cabin, cabin),
            "Embarked": _where(rng.random(rows) < 0.003, port),
            "Survived": survived.astype(int),
        }
    )


def penguins(rows: int = 344, seed: int = 0) -> pd.DataFrame:
    """Like Palmer's penguins: three species as text, four measures and the sex with gaps."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, rows, p=[0.44, 0.2, 0.36])
    sex = rng.choice(["female", "male"], rows)
    means = np.array([[38.8, 18.3, 190, 3700], [48.8, 18.4, 196, 3730], [47.5, 15.0, 217, 5080]])
    spreads = np.array([[2.7, 1.2, 6.5, 450], [3.3, 1.1, 7.1, 380], [3.1, 1.0, 6.5, 500]])
    measures = rng.normal(means[kind], spreads[kind]) + np.outer(sex == "male", [2.0, 0.6, 4.0, 350.0])
    islands = np.array([["Biscoe", "Dream", "Torgersen"], ["Dream"] * 3, ["Biscoe"] * 3])
    gone = rng.random(rows) < 0.01
    return pd.DataFrame(
        {
            "species": np.array(["Adelie", "Chinstrap", "Gentoo"])[kind],
            "island": islands[kind, rng.integers(0, 3, rows)],
            "bill_length_mm": _where(gone, measures[:, 0].round(1)),
            "bill_depth_mm": _where(gone, measures[:, 1].round(1)),
            "flipper_length_mm": _where(gone, measures[:, 2].round()),
            "body_mass_g": _where(gone, measures[:, 3].round(-1)),
            "sex": _where(rng.random(rows) < 0.03, sex),
            "year": rng.choice([2007, 2008, 2009], rows),
        }
    )


def diamonds(rows: int = 3_000, seed: int = 0) -> pd.DataFrame:
    """Like diamonds: a price that grows with size, by three ordered qualities as text."""
    rng = np.random.default_rng(seed)
    carat = np.round(np.exp(rng.normal(-0.4, 0.55, rows)), 2).clip(0.2, 4)
    cuts = ["Fair", "Good", "Very Good", "Premium", "Ideal"]
    clarities = ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"]
    cut = rng.choice(5, rows, p=[0.03, 0.09, 0.22, 0.26, 0.4])
    color, clarity = rng.choice(7, rows), rng.choice(8, rows)
    log_price = 8.2 + 1.85 * np.log(carat) + 0.04 * cut - 0.08 * color + 0.12 * clarity
    size = 6.5 * np.cbrt(carat)
    return pd.DataFrame(
        {
            "carat": carat,
            "cut": np.array(cuts)[cut],
            "color": np.array(list("DEFGHIJ"))[color],
            "clarity": np.array(clarities)[clarity],
            "depth": rng.normal(61.7, 1.4, rows).round(1),
            "table": rng.normal(57.5, 2.2, rows).round(),
            "price": np.exp(log_price + rng.normal(0, 0.12, rows)).round().astype(int),
            "x": (size * rng.normal(1, 0.01, rows)).round(2),
            "y": (size * rng.normal(1, 0.01, rows)).round(2),
            "z": (size * 0.617 * rng.normal(1, 0.01, rows)).round(2),
        }
    )


def subscribers(rows: int = 2_000, seed: int = 0) -> pd.DataFrame:
    """A table with everything: many levels, dates as text, numbers as text, flags with gaps, free text."""
    rng = np.random.default_rng(seed)
    towns = rng.zipf(1.3, rows) % 200
    effect = np.random.default_rng(1).normal(0, 1.2, 200)
    start = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 700, rows), unit="D")
    months = rng.integers(1, 60, rows)
    charges = (months * rng.normal(60, 10, rows)).round(2)
    paperless = rng.random(rows) < 0.6
    upset = rng.random(rows) < 0.3
    weekend = np.asarray(start.day_of_week >= 5)
    chance = effect[towns] - 0.04 * (months - 30) + 0.8 * paperless + 1.5 * upset + 0.8 * weekend - 1.0
    left = rng.random(rows) < 1 / (1 + np.exp(-chance))
    words = np.array(
        ["fine", "good", "service", "tariff", "call", "line", "modem", "visit", "friendly", "week"]
    )
    comments = [" ".join([*rng.choice(words, 8), *(["angry", "refund"] if bad else [])]) for bad in upset]
    return pd.DataFrame(
        {
            "contract": [f"C{number:06d}" for number in rng.permutation(rows)],
            "town": [f"town {k}" for k in towns],
            "since": start.strftime("%Y-%m-%d"),
            "months": months,
            "charges": np.where(rng.random(rows) < 0.005, " ", charges.astype(str)),
            "paperless": pd.Series(paperless, dtype=object).mask(pd.Series(rng.random(rows) < 0.1), None),
            "comment": comments,
            "country": "DE",
            "left": np.where(left, "yes", "no"),
        }
    )
