"""An estimator that a faulty file names; nothing runs it."""

from sklearn.linear_model import LogisticRegression


class Forgetful(LogisticRegression):
    """Comes back from its file with other coefficients."""
