from __future__ import annotations

from itertools import pairwise

from airflow_mlops.core.label_ages import AGES, TOO_OLD, age_class


def test_ages_ascend_by_less_than_double_and_a_class_is_never_younger() -> None:
    assert list(AGES) == sorted(set(AGES))
    assert all(later <= 2 * sooner for sooner, later in pairwise(AGES))
    for age in AGES:
        assert age_class(age) == age
        assert age_class(age + 0.001) > age
    assert age_class(-5) == age_class(1) == 1
    assert age_class(AGES[-1] + 1) == TOO_OLD
