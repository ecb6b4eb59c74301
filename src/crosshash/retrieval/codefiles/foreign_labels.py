"""Labels of foreign codes: a table of 0 and 1, or the number of each item's class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def upright(labels: Array, items: int) -> tuple[Array, bool]:
    """Give labels as a table with a row per item, and whether they can only be class numbers.

    One axis, or a row [1, N] as .mat files keep it, cannot be a table of classes.
    """
    if labels.ndim == 1:
        return labels[:, None], True
    if labels.ndim == 2 and labels.shape == (1, items) and items > 1:
        return labels.T, True
    return labels, False


def are_class_numbers(tables: list[Array], sure: list[bool]) -> bool:
    """Say what labels of queries and retrieval set are: a column of other numbers than 0 and 1 too."""
    columns = all(table.shape[1] == 1 for table in tables)
    return columns and (any(sure) or not all(np.isin(table, (0, 1)).all() for table in tables))


def table_problems(labels: dict[str, Array]) -> list[str]:
    """Name tables of other numbers than 0 and 1, with the first row of each."""
    problems = []
    for name, table in labels.items():
        bad = ~np.isin(table, (0, 1)).all(axis=1)
        if bad.any():
            problems.append(
                f"{name} holds values other than 0 and 1 in {bad.sum()} rows, first in row {bad.argmax()}"
            )
    return problems


def class_number_problems(labels: dict[str, Array]) -> list[str]:
    """Name class numbers that are none, with the first row of each."""
    problems = []
    for name, table in labels.items():
        bad = ~(np.isfinite(table) & (table >= 0) & (table == np.floor(table)))[:, 0]
        if bad.any():
            rows = np.flatnonzero(bad)
            problems.append(
                f"{name}, a column of class numbers, holds others than whole ones from 0 on in {len(rows)} "
                f"rows, first in row {rows[0]}"
            )
    return problems


def tables_of_classes(tables: list[Array]) -> list[NDArray[np.uint8]]:
    """Turn columns of class numbers into tables of 0 and 1, a column for each class that any item has."""
    classes = np.unique(np.concatenate(tables))
    return [(table == classes).astype(np.uint8) for table in tables]
