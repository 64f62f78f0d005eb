from __future__ import annotations

import numpy as np

from airflow_mlops.training.core.units import Units, by_class, each_row


def test_the_stratum_of_an_entity_is_its_rarest_class() -> None:
    truth = np.array([0, 1, 1, 2, 0, 0, 0, 1, 0, 0])
    units = Units(np.array([0, 0, 1, 1, 2, 2, 3, 4, 4, 5]))
    # Class 2 occurs once, class 1 three times: entity 1 has the class 2, entities 0 and 4 have the class 1.
    assert by_class(truth, units).tolist() == [1, 0, 2, 2, 1, 2]
    assert by_class(np.array([1, 0, 0]), each_row(3)).tolist() == [0, 1, 1]


def test_a_part_of_the_units_counts_from_zero_again() -> None:
    units = Units(np.array([0, 1, 1, 2, 3]), "entities (shop)")
    part = units.part(np.array([False, True, True, False, True]))
    assert (part.codes.tolist(), part.count, part.what, part.are_rows) == (
        [0, 0, 1],
        2,
        "entities (shop)",
        False,
    )
    assert each_row(4).are_rows
    assert (each_row(4).codes.tolist(), each_row(4).what) == ([0, 1, 2, 3], "rows")


def test_without_rows_there_is_no_unit() -> None:
    none = each_row(3).part(np.zeros(3, dtype=bool))
    assert (none.count, none.are_rows, len(none.codes)) == (0, True, 0)


def test_of_two_classes_as_rare_as_each_other_the_first_counts() -> None:
    truth, units = np.array([1, 0, 1, 0]), Units(np.array([0, 0, 1, 2]))
    assert by_class(truth, units).tolist() == [0, 1, 0]


def test_a_stratum_is_no_label_but_a_rank_from_the_rarest() -> None:
    """Labels 7, 5 and 9 with one, two and three rows."""
    truth = np.array([9, 5, 9, 7, 5, 9])
    assert by_class(truth, each_row(6)).tolist() == [2, 1, 2, 0, 1, 2]
    assert by_class(truth, Units(np.zeros(6, dtype=int))).tolist() == [0]
