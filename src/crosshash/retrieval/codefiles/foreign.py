"""Codes of other code bases: six arrays of plain numbers, the layout that published code writes."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np

from crosshash.codes.hashcodes import HashCodes, pack
from crosshash.errors import CrosshashError, listed
from crosshash.retrieval.codefiles.codeset import CodeSet
from crosshash.retrieval.codefiles.foreign_files import CODES, LABELS, Array, six_arrays
from crosshash.retrieval.codefiles.foreign_labels import (
    are_class_numbers,
    class_number_problems,
    table_problems,
    tables_of_classes,
    upright,
)
from crosshash.retrieval.codefiles.foreign_values import as_signs, value_problems

SIDES = {"query": ("q_img", "q_txt", "q_l"), "retrieval": ("r_img", "r_txt", "r_l")}


def read_foreign(path: Path) -> tuple[CodeSet, CodeSet, str]:
    """Read q_img, q_txt, r_img, r_txt (codes[N, K]) and q_l, r_l (labels) of a .mat, .npz or six .npy files.

    Codes may be +-1, 0/1, or real numbers whose sign counts (zero as +1); labels a table of 0 and 1, [N, C],
    or class numbers, [N] or [N, 1]. Every item counts as labelled; one without any label is relevant to
    nothing. Tables that are all zero mean a set without labels.
    Gives queries, retrieval set, and what the values were taken for.

    Raises:
        CrosshashError: the file, its keys, shapes or values are wrong; all problems of a kind are named.
    """
    arrays = six_arrays(path)
    sure = []
    for codes, name in (("q_img", "q_l"), ("r_img", "r_l")):
        arrays[name], is_sure = upright(arrays[name], _rows(arrays[codes]))
        sure.append(is_sure)
    _refuse(path, _shape_problems(arrays))
    numbered = are_class_numbers([arrays[name] for name in LABELS], sure)
    _refuse(path, _value_problems(arrays, numbered))
    signs, kind = as_signs({key: arrays[key] for key in CODES})
    labels, labels_kind = _labels(arrays, numbered)
    labelled = any(table.any() for table in labels.values())
    query, retrieval = (
        _code_set(side, signs[image], signs[text], labels[name], labelled)
        for side, (image, text, name) in SIDES.items()
    )
    read_as = f"six arrays of codes of {query.bits} bits: {kind}; labels: {labels_kind}"
    without = sum(int((~table.any(axis=1)).sum()) for table in labels.values())
    if without and labelled:
        read_as += f"; {without} items without any label, taken as relevant to nothing"
    shapes = {key: arrays[key].shape for key in CODES}
    square = [f"{key} {list(shape)}" for key, shape in shapes.items() if 1 < shape[0] == shape[1]]
    if square:
        read_as += f"; square, so rows were taken for items: {', '.join(square)}"
    return query, retrieval, read_as


def _refuse(path: Path, problems: list[str]) -> None:
    if problems:
        raise CrosshashError(f"{path}: these codes cannot be scored:\n{listed(problems)}")


def _shape_problems(arrays: dict[str, Array]) -> list[str]:
    """Name arrays that are no tables of numbers, sides whose row counts differ, lengths that differ."""
    problems = [
        f"{key} is {array.dtype}{list(array.shape)}; a table of numbers is needed"
        for key, array in arrays.items()
        if array.ndim != 2 or array.dtype.kind not in "biuf"
    ]
    if problems:
        return problems
    shapes = {key: array.shape for key, array in arrays.items()}
    problems = _mismatches(shapes)
    lying = _lying(shapes) if problems else ()
    if lying:
        told = ", ".join(f"{key} {list(shapes[key])}" for key in lying)
        return [f"transposed, as it seems: {told}; a row is an item: transpose {' and '.join(lying)}"]
    return problems


def _mismatches(shapes: dict[str, tuple[int, ...]]) -> list[str]:
    """Say which numbers of rows and columns differ that have to be equal."""
    problems = []
    for side, keys in SIDES.items():
        rows = {key: shapes[key][0] for key in keys}
        if len(set(rows.values())) > 1:
            problems.append(f"row counts of the {side} set differ: {_named(rows)}")
        elif not any(rows.values()):
            problems.append(f"the {side} set is empty: {', '.join(keys)} have no row")
    for what, columns in (("code lengths", CODES), ("numbers of classes", LABELS)):
        lengths = {key: shapes[key][1] for key in columns}
        if len(set(lengths.values())) > 1 or not any(lengths.values()):
            problems.append(f"{what} must be equal and above 0: {_named(lengths)}")
    return problems


def _lying(shapes: dict[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Give the arrays that fit all others once transposed: the fewest, and none if it is a choice."""
    for count in range(1, len(shapes) + 1):
        fitting = [
            names
            for names in combinations(shapes, count)
            if not _mismatches(shapes | {name: shapes[name][::-1] for name in names})
        ]
        if fitting:
            return fitting[0] if len(fitting) == 1 else ()
    return ()


def _rows(codes: Array) -> int:
    return len(codes) if codes.ndim else 0


def _named(numbers: dict[str, int]) -> str:
    return ", ".join(f"{key} {number}" for key, number in numbers.items())


def _value_problems(arrays: dict[str, Array], numbered: bool) -> list[str]:
    """Name codes and labels that are none, with the first row of each."""
    problems = value_problems({key: arrays[key] for key in CODES})
    labels = {key: arrays[key] for key in LABELS}
    return problems + (class_number_problems(labels) if numbered else table_problems(labels))


def _labels(arrays: dict[str, Array], numbered: bool) -> tuple[dict[str, Array], str]:
    """Give tables of 0 and 1 for both sides, and say what the labels were taken for."""
    tables = [arrays[name] for name in LABELS]
    kind = "class numbers" if numbered else "0/1"
    tables = tables_of_classes(tables) if numbered else [table.astype(np.uint8) for table in tables]
    count = tables[0].shape[1]
    return dict(zip(LABELS, tables, strict=True)), f"{kind}, {count} class{'es' if count != 1 else ''}"


def _code_set(side: str, image: Array, text: Array, labels: Array, labelled: bool) -> CodeSet:
    ids = np.array([f"{side} {row}" for row in range(len(image))])
    return CodeSet(
        HashCodes(pack(image), image.shape[1], ids),
        HashCodes(pack(text), text.shape[1], ids),
        labels,
        np.array([str(c) for c in range(labels.shape[1])]),
        np.ones(len(ids), dtype=bool),
        np.full(len(ids), labelled),
    )
