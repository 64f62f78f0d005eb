"""Code that the files beside it name; nothing runs it."""

from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

raise RuntimeError("lint must not run this")

PLANS = {"basic": 0}
two = lambda rows, plans: rows  # noqa: E731


class Build:
    """No function."""


def pieces(rows):
    yield rows


def forgets(rows):
    rows["x"] = 1


def ridge(alpha=1.0):
    model = make_pipeline(StandardScaler(), Ridge(alpha=alpha))
    return model


def machine():
    return make_pipeline(StandardScaler(), SVC(kernel="rbf"))


def forgets_model(depth=3):
    PLANS["model"] = Ridge(alpha=depth)


def silent():
    PLANS.clear()


class Thing:
    """No exception."""


if __name__ == "__main__":

    def main_only(rows):
        return rows
