from __future__ import annotations

import numpy as np
import pytest

from crosshash.retrieval.codefiles.foreign_labels import are_class_numbers, upright


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


@pytest.mark.parametrize(
    ("labels", "items", "wanted", "numbers"),
    [
        ([0, 1, 1], 3, [[0], [1], [1]], True),
        ([[0, 1, 1]], 3, [[0], [1], [1]], True),
        ([[0, 1, 1]], 1, [[0, 1, 1]], False),
        ([[0]], 1, [[0]], False),
        ([[0], [1], [1]], 3, [[0], [1], [1]], False),
        ([[[0]]], 1, [[[0]]], False),
    ],
)
def test_what_cannot_be_a_table_of_classes(
    labels: list[object], items: int, wanted: list[object], numbers: bool
) -> None:
    """One axis, or a row as long as there are items; of one item that may as well be a table of one class."""
    found, sure = upright(np.array(labels), items)
    assert (found.tolist(), sure) == (wanted, numbers)
