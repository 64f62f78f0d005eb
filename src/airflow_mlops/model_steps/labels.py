"""A classifier that learns numbers in place of labels, and answers with the labels.

A cloudpickle packs it by value: it imports nothing but numpy and scikit-learn.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if


def _has_probabilities(self: NumberedClasses) -> bool:
    return hasattr(self.classifier, "predict_proba")


class NumberedClasses(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Fits ``classifier`` on 0, 1, 2 … for the sorted labels; predictions and ``classes_`` are labels.

    >>> from sklearn.tree import DecisionTreeClassifier
    >>> model = NumberedClasses(DecisionTreeClassifier()).fit([[0], [1]], ["no", "yes"])
    >>> model.predict([[1]]).tolist(), model.classes_.tolist()
    (['yes'], ['no', 'yes'])
    """

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    def fit(self, rows: Any, target: Any, **arguments: Any) -> NumberedClasses:
        """Fit a copy of the classifier; ``arguments`` are passed on."""
        self.classes_, codes = np.unique(np.asarray(target), return_inverse=True)
        self.classifier_ = deepcopy(self.classifier).fit(rows, codes, **arguments)
        return self

    def predict(self, rows: Any) -> np.ndarray[Any, Any]:
        """Return the label of each row, shape (rows,)."""
        codes = np.asarray(self.classifier_.predict(rows)).ravel().astype(int)
        labels: np.ndarray[Any, Any] = self.classes_[codes]
        return labels

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, rows: Any) -> np.ndarray[Any, Any]:
        """Return the probability of each class, shape (rows, classes)."""
        return np.asarray(self.classifier_.predict_proba(rows))

    @property
    def feature_importances_(self) -> Any:
        """The importances of the classifier, where it has any."""
        return self.classifier_.feature_importances_

    def __sklearn_tags__(self) -> Any:
        """Take the input tags of the classifier."""
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.classifier).input_tags
        return tags
