"""Which bits of a trained code are delivered: their index, its files, and the cut of a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_json, read_npz, write_json, write_npz
from crosshash.errors import CrosshashError

ARRAYS, CHOICE = "bit_index.npz", "bit_index.json"
MEASURES = ("weights", "activity", "alignment")
"""Of how much a bit matters; each says in its method what it is."""

Index = NDArray[np.int64]
Scores = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class BitIndex:
    """Delivered bits of a trained code, the same for images and texts.

    index: int64[k], the most significant first; all bits in their own order where none is cut. significances:
    float64[K] for each of MEASURES, larger is kept first. chosen: the measure that decided, None where none
    is cut. validation: mAP of the cut code on the validation queries, by measure and task; None where not
    scored.
    """

    index: Index
    significances: dict[str, NDArray[np.float64]]
    chosen: str | None
    validation: Scores | None

    @property
    def trained_bits(self) -> int:
        """Length of the code that is cut."""
        return len(next(iter(self.significances.values())))


def most_significant(significance: NDArray[np.floating], bits: int) -> Index:
    """Give the index of the `bits` most significant bits, most significant first; of equal ones the first."""
    return np.argsort(-significance, kind="stable")[:bits].astype(np.int64)


def cut(packed: NDArray[np.uint8], bits: int, index: Index) -> NDArray[np.uint8]:
    """Cut packed codes uint8[N, ceil(bits/8)] to the bits of the index, in its order."""
    return np.packbits(np.unpackbits(packed, axis=1, count=bits)[:, index], axis=1)


def write_bit_index(folder: Path, chosen: BitIndex | None) -> None:
    """Write both files; None, for methods whose codes are not cut, becomes `used` = false alone."""
    if chosen is None:
        write_npz(folder / ARRAYS, {"used": np.array(False)})
        write_json(folder / CHOICE, {"used": False})
        return
    write_npz(folder / ARRAYS, {"used": np.array(True), "index": chosen.index, **chosen.significances})
    choice = {"used": True, "significance": chosen.chosen, "validation": chosen.validation}
    write_json(folder / CHOICE, choice)


def read_bit_index(folder: Path) -> BitIndex | None:
    """Read both files; None when the codes of the method are not cut.

    Raises:
        CrosshashError: a file is missing, cut, or holds something else.
    """
    path = folder / ARRAYS
    arrays, choice = read_npz(path), read_json(folder / CHOICE)
    if not arrays.pop("used", True):
        return None
    index = arrays.pop("index", np.empty(0))
    shapes = {values.shape for values in arrays.values()}
    if not choice["used"] or len(shapes) != 1 or not _chooses(index, shapes.pop()):
        raise CrosshashError(f"{path}: holds no index of bits. Delete it and run `dvc repro encode`.")
    return BitIndex(index, arrays, choice["significance"], choice["validation"])


def read_kept_bits(folder: Path, trained_bits: int) -> Index:
    """Read which bits of a code of so many are delivered.

    Raises:
        CrosshashError: as `read_bit_index`, or the codes were cut from those of another model.
    """
    chosen = read_bit_index(folder)
    if chosen is None or chosen.trained_bits != trained_bits:
        raise CrosshashError(f"{folder}: codes of another model. Run `dvc repro encode`.")
    return chosen.index


def _chooses(index: NDArray[np.generic], shape: tuple[int, ...]) -> bool:
    """Say whether the index names different bits of a code of this length."""
    if len(shape) != 1 or index.dtype != np.int64 or index.ndim != 1 or not len(index):
        return False
    return len(np.unique(index)) == len(index) and 0 <= index.min() <= index.max() < shape[0]
