"""Values of foreign codes: signs, or zeros and ones, judged array by array; those of a set must agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Kind = Literal["+-1", "0/1", "real numbers", "zeros", "ones"]

SHOWN = 6


def value_problems(codes: Mapping[str, Array]) -> list[str]:
    """Name arrays [N, K] that hold no codes; where all do, those of another convention than the others."""
    found = {key: _problem(array) for key, array in codes.items()}
    problems = [f"{key} {problem}" for key, problem in found.items() if problem]
    return problems or _disagreements({key: _kind(array) for key, array in codes.items()})


def as_signs(codes: Mapping[str, Array]) -> tuple[dict[str, Array], str]:
    """Give numbers whose sign is the bit, and what the values were taken for; of codes without a problem."""
    kinds = {key: _kind(array) for key, array in codes.items()}
    if "real numbers" in kinds.values():
        zeros = sum(int((array == 0).sum()) for array in codes.values())
        return dict(codes), f"signs of real numbers, {zeros} zeros taken as +1"
    if "0/1" not in kinds.values() and "zeros" not in kinds.values():
        return dict(codes), "+-1"
    unchanging = [key for key, kind in kinds.items() if kind == "zeros"]
    words = f", {' and '.join(unchanging)} 0 throughout" if unchanging else ""
    return {key: array.astype(np.int8) * 2 - 1 for key, array in codes.items()}, f"0/1{words}"


def _problem(array: Array) -> str:
    """Say why an array by itself holds no codes; empty where it may."""
    for test, what in ((np.isnan, "NaN"), (np.isinf, "infinite numbers")):
        bad = test(array).any(axis=1)
        if bad.any():
            return f"holds {what} in {bad.sum()} rows, first in row {bad.argmax()}"
    if _only(array, -1, 1) or _only(array, 0, 1):
        return ""
    real = array.dtype.kind == "f"
    if (array == np.floor(array)).all() and not (real and _only(array, -1, 0, 1)):
        return _whole_numbers(array)
    if array.min() >= 0:
        return (
            f"holds real numbers of which none is below 0 ({_shown(np.unique(array))}), so their signs say "
            "nothing; set the threshold yourself and write +-1 or 0/1"
        )
    return ""


def _whole_numbers(array: Array) -> str:
    """Say what whole numbers that are no codes may be, and what to write instead."""
    values = np.unique(array)
    for unsigned in ("uint8", "uint16", "uint32"):
        if _only(array, 1, np.iinfo(unsigned).max):
            return f"holds {_shown(values)}: +-1 as {unsigned}, which has no -1; save it as int8, or as 0/1"
    if len(values) > 2:
        finding = f"{len(values)} values ({_shown(values)}), not two"
    else:
        finding = f"the values {_shown(values)}, neither +-1 nor 0/1"
    return f"holds {finding}; write them as +-1 or 0/1, one number per bit"


def _kind(array: Array) -> Kind:
    """Say what an array without a problem holds; one value throughout may stand for more than one thing."""
    if not array.any():
        return "zeros"
    if _only(array, 0, 1):
        return "ones" if array.all() else "0/1"
    return "+-1" if _only(array, -1, 1) else "real numbers"


def _disagreements(kinds: Mapping[str, Kind]) -> list[str]:
    """Name arrays of zeros and ones beside those of signs, and zeros with nothing to say what they are."""
    signs = [key for key, kind in kinds.items() if kind in ("+-1", "real numbers")]
    bits = [key for key, kind in kinds.items() if kind in ("0/1", "zeros")]
    if signs and bits:
        fewer, others = sorted((bits, signs), key=len)
        beside = ", ".join(f"{key} ({kinds[key]})" for key in others)
        return [f"{key} holds {_in_words(kinds[key])} beside {beside}: write all alike" for key in fewer]
    if set(kinds.values()) == {"zeros"}:
        return [f"{', '.join(bits)} hold zeros throughout: there is no code in them"]
    return []


def _in_words(kind: Kind) -> str:
    return "zeros throughout" if kind == "zeros" else kind


def _only(array: Array, *values: float) -> bool:
    """Say whether an array holds no other values, without sorting it."""
    return bool(np.logical_or.reduce([array == value for value in values]).all())


def _shown(values: Array) -> str:
    """Write the first of some values."""
    more = ", ..." if len(values) > SHOWN else ""
    return ", ".join(f"{value:g}" for value in values[:SHOWN].astype(float)) + more
