"""Codes of other code bases for `crosshash score`; read again by numpy, and scored in a plain loop."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, savemat

from crosshash.retrieval.scoring.score_files import score
from faults.fuzzed.given import Given, MeaninglessError, damaged

Arrays = dict[str, Any]
CODES, LABELS = ("q_img", "q_txt", "r_img", "r_txt"), ("q_l", "r_l")
TASKS = {
    "i2t": ("q_img", "r_txt"),
    "t2i": ("q_txt", "r_img"),
    "i2i": ("q_img", "r_img"),
    "t2t": ("q_txt", "r_txt"),
}
NEAR = 2e-6
TYPES = (np.int8, np.int16, np.int64, np.float16, np.float32, np.float64)

CHANGES: dict[str, Callable[[Any, np.random.Generator], Any]] = {
    "nan": lambda array, rng: np.where(rng.random(array.shape) < 0.1, np.nan, array),
    "inf": lambda array, rng: np.where(rng.random(array.shape) < 0.1, np.inf, array),
    "0/1": lambda array, rng: (array > 0).astype(int),
    "+-1": lambda array, rng: np.where(array > 0, 1, -1),
    "sigmoid": lambda array, rng: 1 / (1 + np.exp(-array.astype(float))),
    "noise": lambda array, rng: array + rng.uniform(-0.9, 0.9, array.shape),
    "zeros": lambda array, rng: array * 0,
    "ones": lambda array, rng: array * 0 + 1,
    "unsigned": lambda array, rng: array.astype(np.int64).astype(np.uint8),
    "any bytes": lambda array, rng: rng.integers(0, 256, array.shape, dtype=np.uint8),
    "wider": lambda array, rng: np.concatenate([array, array], axis=-1),
    "shorter": lambda array, rng: array[:-1],
    "transposed": lambda array, rng: array.T,
    "one axis": lambda array, rng: array.ravel(),
    "three axes": lambda array, rng: array[None],
    "a number": lambda array, rng: np.array(1),
    "empty": lambda array, rng: array[:0],
    "complex": lambda array, rng: array * 1j,
    "texts": lambda array, rng: array.astype(str),
    "doubled": lambda array, rng: array * 2,
    "huge": lambda array, rng: array.astype(np.float64) * 1e300,
    "thirds": lambda array, rng: array.astype(np.float16) / 3,
    "negative": lambda array, rng: -array.astype(float),
    "numbered": lambda array, rng: np.arange(len(array)),
}


class Scores(dict[str, float | None]):
    """Scores that are equal to others but for their last digit."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scores) and all(
            self[task] == other[task] or abs((self[task] or 9) - (other[task] or 9)) < NEAR for task in TASKS
        )

    __hash__ = None


def make(dice: random.Random, folder: Path) -> Given:
    """Write six arrays that belong together, mostly with something wrong in one or two, or in the bytes."""
    rng = np.random.default_rng(dice.randrange(2**32))
    bits = dice.choice((False, True))
    arrays = _arrays(dice, rng, bits)
    told = ["0/1" if bits else "+-1"]
    damage = dice.random() < 0.2
    for _ in range(0 if damage else dice.choice((0, 1, 1, 1, 2))):
        key, change = dice.choice(list(arrays)), dice.choice((*CHANGES, "absent"))
        told.append(f"{key} {change}")
        if change == "absent":
            del arrays[key]
        elif getattr(arrays[key], "ndim", 0) == 2 and arrays[key].dtype.kind in "iufb":
            with np.errstate(all="ignore"):
                arrays[key] = CHANGES[change](arrays[key], rng)
        if not arrays:
            break
    path = folder / ("codes.npz" if dice.random() < 0.5 else "codes.mat")
    _write(path, arrays, dice)
    if damage:
        path.write_bytes(damaged(path.read_bytes(), dice))
        told.append("bytes")
    return Given(f"{path.suffix} {', '.join(told)}", lambda: _scored(path), lambda: _meant(path, bits))


def _arrays(dice: random.Random, rng: np.random.Generator, bits: bool) -> Arrays:
    """Make codes that know something of their labels; all three lengths differ."""
    queries, items, length = dice.randrange(4, 9), dice.randrange(20, 40), dice.randrange(10, 19)
    classes = dice.randrange(2, 5)
    numbers = {"q": rng.integers(0, classes, queries), "r": rng.integers(0, classes, items)}
    prototypes = rng.choice([-1, 1], (classes, length))
    kind = dice.choice((bool, *TYPES)) if bits else dice.choice(TYPES)
    arrays: Arrays = {}
    for key in CODES:
        signs = prototypes[numbers[key[0]]] * rng.choice(
            [-1, 1], (len(numbers[key[0]]), length), p=(0.3, 0.7)
        )
        arrays[key] = ((signs > 0) if bits else signs).astype(kind)
    layout = dice.choice(("table", "table", "numbers", "column"))
    for key in LABELS:
        one = numbers[key[0]]
        table = (one[:, None] == np.arange(classes)).astype(dice.choice((np.uint8, np.float64, bool)))
        arrays[key] = table if layout == "table" else one if layout == "numbers" else one[:, None]
    if layout == "column":  # a column of 0 and 1 alone would be a table of one class
        arrays["q_l"], arrays["r_l"] = arrays["q_l"] + 2, arrays["r_l"] + 2
    return arrays


def _write(path: Path, arrays: Arrays, dice: random.Random) -> None:
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        savemat(path, arrays, do_compression=dice.random() < 0.5)


def _scored(path: Path) -> Scores:
    result = score(path, None, "by_id", "skip", 10, 0)
    return Scores({task: result[task]["mAP"] if result.get(task) else None for task in TASKS})


def _meant(path: Path, bits: bool) -> Scores:
    """Read the file by numpy or scipy and score it in a plain loop."""
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in (*CODES, *LABELS)}
        else:
            found = loadmat(path)
            arrays = {key: found[key] for key in (*CODES, *LABELS)}
    except Exception as error:
        raise MeaninglessError(str(error)) from error
    signs = {key: _signs(arrays[key], bits) for key in CODES}
    sides = [_relevance(arrays[key], len(signs[f"{key[0]}_img"])) for key in LABELS]
    if sides[0].shape[1] != sides[1].shape[1] or len({codes.shape[1] for codes in signs.values()}) > 1:
        raise MeaninglessError("lengths differ")
    numbers = sides[0].shape[1] == 1
    relevant = sides[0] == sides[1].T if numbers else sides[0] @ sides[1].T > 0
    pairs = TASKS.items()
    return Scores({task: _mean_ap(signs[ask], signs[answer], relevant) for task, (ask, answer) in pairs})


def _signs(array: Any, bits: bool) -> Any:  # noqa: ANN401 - whatever a file holds
    """Read codes in the convention that they were written in."""
    if array.ndim != 2 or not array.size or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise MeaninglessError("no codes")
    values = array.astype(np.float64)
    if bits:
        if not np.isin(values, (0, 1)).all():
            raise MeaninglessError("no bits")
        return np.where(values > 0, 1, -1)
    if values.min() >= 0 and not (values == 1).all():
        raise MeaninglessError("no signs")
    return np.where(values >= 0, 1, -1)


def _relevance(array: Any, items: int) -> Any:  # noqa: ANN401
    """Read labels: a table of 0 and 1, or a column, row or list of class numbers."""
    if array.dtype.kind not in "biuf" or not array.size:
        raise MeaninglessError("no labels")
    if array.ndim == 1 or array.shape == (1, items):
        array = array.reshape(-1, 1)
    if array.ndim != 2 or len(array) != items:
        raise MeaninglessError("no labels")
    values = array.astype(np.float64)
    right = np.isin(values, (0, 1)) if array.shape[1] > 1 else (values >= 0) & (values % 1 == 0)
    if not right.all():
        raise MeaninglessError("no labels")
    return values


def _mean_ap(queries: Any, items: Any, relevant: Any) -> float | None:  # noqa: ANN401
    """Mean over the queries with a relevant item; equal distances in the order of the items."""
    if len(queries) != len(relevant) or len(items) != relevant.shape[1]:
        raise MeaninglessError("rows differ")
    found = []
    for query, hits in zip(queries, relevant, strict=True):
        ranked = hits[np.argsort((query != items).sum(axis=1), kind="stable")]
        if ranked.any():
            ranks = np.flatnonzero(ranked) + 1
            found.append(float(np.mean(np.arange(1, len(ranks) + 1) / ranks)))
    return float(np.mean(found)) if found else None
