from __future__ import annotations

import numpy as np

from crosshash.retrieval.codefiles.foreign_labels import are_class_numbers


def column(*numbers: int) -> np.ndarray:
    return np.array(numbers)[:, None]


def test_a_column_of_zeros_and_ones_is_a_table_of_one_class() -> None:
    assert not are_class_numbers([column(0, 1), column(1, 1)], [False, False])
    assert not are_class_numbers([column(0, 0), column(0, 0)], [False, False])


def test_a_column_of_other_numbers_holds_class_numbers() -> None:
    assert are_class_numbers([column(0, 1), column(1, 2)], [False, False])
    assert are_class_numbers([column(7, 1), column(1, 0)], [False, False])


def test_one_side_that_cannot_be_a_table_decides() -> None:
    assert are_class_numbers([column(0, 1), column(1, 1)], [False, True])


def test_more_columns_are_a_table_whatever_they_hold() -> None:
    assert not are_class_numbers([np.array([[0, 2]]), column(1, 2)], [False, True])
