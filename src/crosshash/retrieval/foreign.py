"""Codes of other code bases: six arrays in one .mat file, the layout that published code writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_npz
from crosshash.codes.hashcodes import HashCodes, pack
from crosshash.data.mat import list_mat, read_mat
from crosshash.errors import CrosshashError, listed
from crosshash.retrieval.codeset import CodeSet

CODES = ("q_img", "q_txt", "r_img", "r_txt")
LABELS = ("q_l", "r_l")
SIDES = {"query": ("q_img", "q_txt", "q_l"), "retrieval": ("r_img", "r_txt", "r_l")}

Array = NDArray[Any]


def read_foreign(path: Path) -> tuple[CodeSet, CodeSet, str]:
    """Read q_img, q_txt, r_img, r_txt (codes[N, K]) and q_l, r_l (labels[N, C]) of a .mat or .npz file.

    Codes may be +-1, 0/1, or real numbers whose sign counts (zero as +1). Every item counts as labelled; one
    without any label is relevant to nothing. Labels that are all zero mean a set without labels.
    Gives queries, retrieval set, and what the values were taken for.

    Raises:
        CrosshashError: the file, its keys, shapes or values are wrong; all problems of a kind are named.
    """
    arrays = _six_arrays(path)
    problems = _shape_problems(arrays) or _value_problems(arrays)
    if problems:
        raise CrosshashError(f"{path}: these codes cannot be scored:\n{listed(problems)}")
    signs, kind = _signs({key: arrays[key] for key in CODES}, path)
    read_as = f"six arrays of codes of {arrays[CODES[0]].shape[1]} bits: {kind}"
    labelled = any(arrays[key].any() for key in LABELS)
    query, retrieval = (
        _code_set(side, signs[image], signs[text], arrays[labels], labelled)
        for side, (image, text, labels) in SIDES.items()
    )
    without = sum(int((arrays[key] == 0).all(axis=1).sum()) for key in LABELS)
    if without and labelled:
        read_as += f"; {without} items without any label, taken as relevant to nothing"
    return query, retrieval, read_as


def _six_arrays(path: Path) -> dict[str, Array]:
    if not path.is_file():
        raise CrosshashError(f"{path}: not found; give the path of a .mat or .npz file.")
    arrays = read_npz(path) if path.suffix == ".npz" else read_mat(path, (*CODES, *LABELS))
    absent = [key for key in (*CODES, *LABELS) if key not in arrays]
    if absent:
        present = ", ".join(sorted(arrays if path.suffix == ".npz" else list_mat(path))) or "none"
        hint = " A query.npz is scored with its retrieval.npz beside it." if "has_text" in arrays else ""
        raise CrosshashError(f"{path}: no array {', '.join(absent)}; there are: {present}.{hint}")
    return {key: arrays[key] for key in (*CODES, *LABELS)}


def _shape_problems(arrays: dict[str, Array]) -> list[str]:
    """Name arrays that are no tables of numbers, sides whose row counts differ, lengths that differ."""
    problems = [
        f"{key} is {array.dtype}{list(array.shape)}; a table of numbers is needed"
        for key, array in arrays.items()
        if array.ndim != 2 or array.dtype.kind not in "biuf"
    ]
    if problems:
        return problems
    for side, keys in SIDES.items():
        rows = {key: len(arrays[key]) for key in keys}
        if len(set(rows.values())) > 1:
            problems.append(f"row counts of the {side} set differ: {_named(rows)}")
        elif not any(rows.values()):
            problems.append(f"the {side} set is empty: {', '.join(keys)} have no row")
    for what, columns in (("code lengths", CODES), ("numbers of classes", LABELS)):
        lengths = {key: arrays[key].shape[1] for key in columns}
        if len(set(lengths.values())) > 1 or not any(lengths.values()):
            problems.append(f"{what} must be equal and above 0: {_named(lengths)}")
    return problems


def _named(numbers: dict[str, int]) -> str:
    return ", ".join(f"{key} {number}" for key, number in numbers.items())


def _value_problems(arrays: dict[str, Array]) -> list[str]:
    """Name NaN in codes and labels other than 0 and 1, with the first row of each."""
    problems = []
    for key, array in arrays.items():
        bad = np.isnan(array) if key in CODES else ~np.isin(array, (0, 1))
        if bad.any():
            rows = np.flatnonzero(bad.any(axis=1))
            what = "holds NaN" if key in CODES else "holds values other than 0 and 1"
            problems.append(f"{key} {what} in {len(rows)} rows, first in row {rows[0]}")
    return problems


def _signs(codes: dict[str, Array], path: Path) -> tuple[dict[str, Array], str]:
    """Turn codes into numbers whose sign is the bit, and say what they were taken for."""
    values = np.unique(np.concatenate([np.unique(array).astype(np.float64) for array in codes.values()]))
    shown = ", ".join(f"{value:g}" for value in values[:6]) + (", ..." if len(values) > 6 else "")
    whole = bool((values == np.floor(values)).all())
    real = all(array.dtype.kind == "f" for array in codes.values())
    if np.isin(values, (-1, 1)).all():
        return codes, "+-1"
    if np.isin(values, (0, 1)).all():
        return {key: array.astype(np.int8) * 2 - 1 for key, array in codes.items()}, "0/1"
    if whole and not (real and np.isin(values, (-1, 0, 1)).all()):
        raise CrosshashError(
            f"{path}: the codes hold {len(values)} values ({shown}), not two; write them as +-1 or 0/1, one "
            "number per bit."
        )
    if values[0] >= 0:
        raise CrosshashError(
            f"{path}: the codes are real numbers of which none is below 0 ({shown}), so their signs say "
            "nothing; set the threshold yourself and write +-1 or 0/1."
        )
    zeros = sum(int((array == 0).sum()) for array in codes.values())
    return codes, f"signs of real numbers, {zeros} zeros taken as +1"


def _code_set(side: str, image: Array, text: Array, labels: Array, labelled: bool) -> CodeSet:
    ids = np.array([f"{side} {row}" for row in range(len(image))])
    return CodeSet(
        HashCodes(pack(image), image.shape[1], ids),
        HashCodes(pack(text), text.shape[1], ids),
        labels.astype(np.uint8),
        np.array([str(c) for c in range(labels.shape[1])]),
        np.ones(len(ids), dtype=bool),
        np.full(len(ids), labelled),
    )
