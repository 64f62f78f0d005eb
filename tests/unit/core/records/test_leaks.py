"""Suspected leaks in one sentence, with the next step."""

from __future__ import annotations

from airflow_mlops.core.records import Leak, LeakProbe
from airflow_mlops.core.records.leaks import MEASURES

NEXT = (
    "Drop a column that is not known before the event (data.columns.drop, or the feature function); name one "
    "that is in evaluate.leaks.allow"
)


def probe(leaks: int) -> LeakProbe:
    return LeakProbe(
        "roc_auc",
        900,
        12,
        leaks=tuple(Leak(f"c{number}", "copy", "is the target") for number in range(leaks)),
    )


def test_one_leak_is_named_with_what_it_does() -> None:
    assert probe(1).sentence == f"a possible leak of the target: c0 is the target. {NEXT}"
    assert probe(2).sentence.startswith(
        "2 possible leaks of the target: c0 is the target; c1 is the target. Drop a column"
    )


def test_ten_leaks_are_named_and_the_others_counted() -> None:
    assert "; c9 is the target. Drop" in probe(10).sentence
    eleven = probe(11).sentence
    assert eleven.startswith("11 possible leaks of the target: c0 is")
    assert "; c9 is the target; and 1 more. Drop" in eleven
    assert "; and 1,190 more." in probe(1_200).sentence


def test_without_leaks_nothing_is_said() -> None:
    none = probe(0)
    assert none.sentence == ""
    assert (none.strongest, none.score, none.allowed) == ("", 0.0, ())


def test_each_measure_of_a_target_has_a_name() -> None:
    assert dict(MEASURES) == {"roc_auc": "AUC", "error_reduction": "share of errors removed", "r2": "R²"}
