"""Functions that the valid files name; nothing runs them."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

raise RuntimeError("lint must not run this")


def build(rows): ...


def rows(day): ...


def tell(context, channel): ...


def pipeline(strength=1.0):
    steps = [("scale", StandardScaler()), ("model", LogisticRegression(C=strength))]
    return Pipeline(steps) if strength > 1 else Pipeline([("model", LogisticRegression(C=strength))])
