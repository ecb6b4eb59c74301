"""Hash centres with their classes and tie bits, the targets they give, and their file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_npz, write_npz
from crosshash.errors import CrosshashError, listed

BLOCK = 65536
"""Label sets turned into targets at a time."""


@dataclass(frozen=True)
class CenterBook:
    """One hash centre per class: centers int8[C, K] of +-1, classes `<U`[C], tie_bits int8[K] of +-1.

    Raises:
        CrosshashError: shapes, types or values do not fit, or a class or centre stands twice.
    """

    centers: NDArray[np.int8]
    classes: NDArray[np.str_]
    tie_bits: NDArray[np.int8]

    def __post_init__(self) -> None:
        problems = _problems(self.centers, self.classes, self.tie_bits)
        if problems:
            raise CrosshashError(f"these arrays are no hash centres:\n{listed(problems)}")

    @property
    def bits(self) -> int:
        """Length K of the centres."""
        return int(self.centers.shape[1])

    def targets(self, labels: NDArray[np.generic]) -> NDArray[np.int8]:
        """Give each label set's code: the sign of the sum of its classes' centres, zeros from the tie bits.

        labels [B, C], nonzero where the item has the class, to int8[B, K] of +-1.

        Raises:
            CrosshashError: labels of another number of classes, or rows without any label.
        """
        labels = np.asarray(labels)
        if labels.ndim != 2 or labels.shape[1] != len(self.classes):
            raise CrosshashError(
                f"labels have shape {labels.shape}; these centres have {len(self.classes)} classes, "
                f"so labels[B, {len(self.classes)}] are needed."
            )
        present = labels != 0
        empty = np.flatnonzero(~present.any(axis=1))
        if empty.size:
            rows = listed([f"row {row}" for row in empty])
            raise CrosshashError(f"items without labels have no target; leave these rows out:\n{rows}")
        centers = self.centers.astype(np.float32)
        result = np.empty((len(labels), self.bits), dtype=np.int8)
        for start in range(0, len(labels), BLOCK):
            # Sums of at most 2^24 signs are exact in float32.
            total = present[start : start + BLOCK].astype(np.float32) @ centers
            result[start : start + BLOCK] = np.where(total == 0, self.tie_bits, np.sign(total))
        return result


def write_centers(path: Path, book: CenterBook | None) -> None:
    """Write centres as .npz; None, for methods without centres, becomes `used` = false alone."""
    if book is None:
        write_npz(path, {"used": np.array(False)})
        return
    arrays = {"centers": book.centers, "classes": book.classes, "tie_bits": book.tie_bits}
    write_npz(path, {"used": np.array(True), **arrays})


def read_centers(path: Path) -> CenterBook | None:
    """Read centres; None when the method has none.

    Raises:
        CrosshashError: the file is missing, cut, or holds something else.
    """
    arrays = read_npz(path)
    missing = [key for key in ("used", "centers", "classes", "tie_bits") if key not in arrays]
    if "used" in arrays and not arrays["used"]:
        return None
    if missing:
        raise CrosshashError(f"{path}: lacks {', '.join(missing)}. Delete it and run `dvc repro centers`.")
    return CenterBook(arrays["centers"], arrays["classes"], arrays["tie_bits"])


def _problems(centers: NDArray[np.int8], classes: NDArray[np.str_], tie_bits: NDArray[np.int8]) -> list[str]:
    """Name everything that is wrong with the three fields."""
    problems: list[str] = []
    if centers.dtype != np.int8 or centers.ndim != 2 or 0 in centers.shape:
        return [f"centers is {centers.dtype}{list(centers.shape)}; int8[C, K] is needed, C and K at least 1"]
    count, bits = centers.shape
    if classes.dtype.kind != "U" or classes.shape != (count,):
        problems.append(
            f"classes is {classes.dtype}{list(classes.shape)}; one name per centre ({count}) is needed"
        )
    elif len(np.unique(classes)) < count:
        values, counts = np.unique(classes, return_counts=True)
        problems += [
            f"class '{value}' stands {n} times" for value, n in zip(values, counts, strict=True) if n > 1
        ]
    if tie_bits.dtype != np.int8 or tie_bits.shape != (bits,):
        problems.append(f"tie_bits is {tie_bits.dtype}{list(tie_bits.shape)}; int8[{bits}] is needed")
    if (np.abs(centers) != 1).any() or (np.abs(tie_bits) != 1).any():
        problems.append("centers and tie_bits may hold nothing but +1 and -1")
    elif len(np.unique(np.packbits(centers > 0, axis=1), axis=0)) < count:
        problems.append("two classes have the same centre")
    return problems
