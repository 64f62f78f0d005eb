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
