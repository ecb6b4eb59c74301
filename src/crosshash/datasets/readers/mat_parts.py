"""One .mat file with vectors of images and texts and labels, training items and queries apart.

`I_tr`, `T_tr`, `L_tr` and `I_te`, `T_te`, `L_te` (wikiData.mat, as the MATLAB code of STMH, RFDH and MTFH
loads it); `VDatabase`, `YDatabase`, `databaseL` and `VTest`, `YTest`, `testL` (iapr-tc12-rand.mat;
penghu-cs/UCCH, src/cmdataset.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosshash.datasets.readers.mat_files import Part, common_count
from crosshash.datasets.readers.unread import unread_variables
from crosshash.errors import CrosshashError, listed
from crosshash.formats.feature_file import finite_vectors, numbered_classes, some_of
from crosshash.formats.matlab.mat import read_mat
from crosshash.pairs.source import GivenSplit, RawItem, RawItems

KEYS = (
    (("I_tr", "T_tr", "L_tr"), ("I_te", "T_te", "L_te")),
    (("VDatabase", "YDatabase", "databaseL"), ("VTest", "YTest", "testL")),
)
"""Images, texts and labels of the training items, then of the queries."""


@dataclass(frozen=True)
class Rows:
    """The items of one part: float32[N, D], float32[N, E], and labels as the file has them, [N, C]."""

    images: np.ndarray
    texts: np.ndarray
    labels: np.ndarray
    turned: tuple[str, ...]


def holds_parts(names: Collection[str]) -> bool:
    """Whether variables of these names are such a file, perhaps an incomplete one."""
    return any(train[0] in names or query[0] in names for train, query in KEYS)


def read_mat_parts(path: Path) -> RawItems:
    """Read the training items, then the queries, which the file fixes; ids are `train 0` .., `query 0` ...

    Labels are a column of 0 and 1 per class, or one column with the number of each item's class.

    Raises:
        CrosshashError: variables are missing, are no matrices of finite numbers, differ in their rows or
            columns, or labels are neither.
    """
    arrays = read_mat(path, [key for keys in KEYS for part in keys for key in part])
    sides = next(keys for keys in KEYS if {keys[0][0], keys[1][0]} & arrays.keys())
    missing = [f"'{key}'" for keys in sides for key in keys if key not in arrays]
    if missing:
        raise CrosshashError(
            f"{path}: {', '.join(missing)}: not there; found: {', '.join(sorted(arrays))}. Such a file holds "
            f"vectors of images and texts and labels: {', '.join(sides[0])} of the training items, "
            f"{', '.join(sides[1])} of the queries."
        )
    train, query = (_rows(path, keys, arrays) for keys in sides)
    _check_columns(path, sides, train, query)
    classes, marks = _classes(path, (sides[0][2], sides[1][2]), train.labels, query.labels)
    ids = [
        f"{part} {row}"
        for part, rows in (("train", train), ("query", query))
        for row in range(len(rows.images))
    ]
    items = tuple(
        RawItem(name, (), tuple(classes[column] for column in np.flatnonzero(row)))
        for name, row in zip(ids, marks, strict=True)
    )
    count = len(train.images)
    return RawItems(
        items,
        classes,
        np.concatenate([train.images, query.images]),
        np.concatenate([train.texts, query.texts]),
        (*train.turned, *query.turned, *unread_variables(path, (*sides[0], *sides[1]))),
        official=GivenSplit(tuple(ids[count:]), tuple(ids[:count])),
    )


def _rows(path: Path, keys: Sequence[str], arrays: dict[str, np.ndarray]) -> Rows:
    """Give the arrays of one part with a row per item each."""
    for key in keys:
        if arrays[key].ndim != 2 or arrays[key].dtype.kind not in "fiub":
            raise CrosshashError(
                f"{path}: '{key}' must be a matrix of real numbers, a row per item; found "
                f"{arrays[key].dtype} of shape {arrays[key].shape}."
            )
    images, texts, labels = (Part(path, key, arrays[key]) for key in keys)
    count = common_count(path, [images, texts, labels])
    return Rows(
        finite_vectors(path, images.key, images.matrix(count)),
        finite_vectors(path, texts.key, texts.matrix(count)),
        labels.matrix(count),
        tuple(
            f"{part}: has a column per item, and is turned"
            for part in (images, texts, labels)
            if len(arrays[part.key]) != count
        ),
    )


def _check_columns(path: Path, sides: Sequence[Sequence[str]], train: Rows, query: Rows) -> None:
    """Refuse vectors and labels of queries that are others than those of the training items."""
    pairs = ((train.images, query.images), (train.texts, query.texts), (train.labels, query.labels))
    problems = [
        f"'{sides[0][place]}' has {one.shape[1]} columns, '{sides[1][place]}' {other.shape[1]}"
        for place, (one, other) in enumerate(pairs)
        if one.shape[1] != other.shape[1]
    ]
    if problems:
        raise CrosshashError(f"{path}: the parts differ in their columns:\n{listed(problems)}")


def _classes(
    path: Path, keys: Sequence[str], train: np.ndarray, query: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray]:
    """Name the classes, and give a column of marks for each; bool[N, C]."""
    table = np.concatenate([train, query])
    marked = bool(((table == 0) | (table == 1)).all())
    if table.shape[1] == 1 and marked:
        raise CrosshashError(
            f"{path}: '{keys[0]}' and '{keys[1]}' are one column of 0 and 1: numbers of two classes, or "
            "marks of one? Give a column of 0 and 1 per class."
        )
    if table.shape[1] == 1:
        return _numbers(path, keys, len(train), table[:, 0])
    if not marked:
        problems = [
            f"'{key}', row(s) {some_of(rows)}, counted from 0"
            for key, labels in zip(keys, (train, query), strict=True)
            if len(rows := np.flatnonzero(((labels != 0) & (labels != 1)).any(axis=1)))
        ]
        raise CrosshashError(f"{path}: labels other than 0 and 1; write -1 as 0:\n{listed(problems)}")
    return numbered_classes(table.shape[1]), table.astype(bool)


def _numbers(
    path: Path, keys: Sequence[str], count: int, numbers: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray]:
    """Give a class for each number that any item has, named by it."""
    bad = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 0) & (numbers == np.floor(numbers))))
    if len(bad):
        key, row = (keys[0], bad[0]) if bad[0] < count else (keys[1], bad[0] - count)
        raise CrosshashError(
            f"{path}: '{key}' is a column of class numbers, and row {row}, counted from 0, is none: "
            f"{numbers[bad[0]]}; {len(bad)} row(s) are like that. Give whole numbers from 0 on."
        )
    found = np.unique(numbers)
    digits = len(str(int(found[-1])))
    return tuple(f"class {int(number):0{digits}d}" for number in found), numbers[:, None] == found
