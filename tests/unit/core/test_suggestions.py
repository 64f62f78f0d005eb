from __future__ import annotations

import pytest

from airflow_mlops.core.suggestions import did_you_mean, nearest

KNOWN = ("roc_auc", "recall", "precision", "F1")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("roc_uac", "roc_auc"),
        ("Recall", "recall"),
        ("f1", "F1"),
        ("precison", "precision"),
        ("rmse", None),
        ("", None),
    ],
)
def test_the_nearest_known_name(name: str, near: str | None) -> None:
    assert nearest(name, KNOWN) == near
    assert did_you_mean(name, KNOWN) == (f" (did you mean {near}?)" if near else "")


def test_the_cutoff_decides_what_is_near() -> None:
    # difflib: 2 * 3 matching letters of 6 + 4 are a ratio of 0.6.
    assert nearest("abcxyz", ["abcd"], cutoff=0.6) == "abcd"
    assert nearest("abcxyz", ["abcd"], cutoff=0.61) is None
    assert nearest("abcxyz", ["abcd"]) == "abcd"
    assert nearest("abcvxyz", ["abcd"]) is None


def test_capital_letters_come_before_other_differences() -> None:
    assert nearest("ABCD", ["abcd", "ABCE"]) == "abcd"
    assert nearest("abcd", iter(["ABCD"])) == "ABCD"
    assert nearest("Ab", ["ab", "AB"]) == "AB"  # the first in order, so that the answer is always the same


def test_of_a_long_name_only_the_first_hundred_letters_are_compared() -> None:
    known = ["a" * 100]
    assert nearest("a" * 100 + "b" * 5_000, known, cutoff=1.0) == known[0]
    assert nearest("a" * 99 + "b", known, cutoff=1.0) is None
