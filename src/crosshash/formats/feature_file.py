"""Feature files, .npz or .mat: vectors, labels and texts, each checked, rows counted against one another."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crosshash.artifacts import read_npz
from crosshash.errors import CrosshashError, listed
from crosshash.formats.matlab.mat import list_mat, read_mat
from crosshash.formats.matlab.mat_text import Texts, text_rows
from crosshash.formats.spelling import as_seen, composed
from crosshash.formats.stored_rows import StoredRows, large_matrices

SHOWN = 5
ARRAYS = ("image", "text", "labels", "captions", "names", "classes")


@dataclass(frozen=True)
class Features:
    """A feature file's arrays.

    image: float32[N, D]. text: float32[N, E]; large ones stay in the file. labels: bool[N, C]. captions: the
    texts of each row. names: N different texts. classes: C different texts. All but `image` may be absent.
    unread: names of the file's other arrays.
    """

    image: np.ndarray | StoredRows
    text: np.ndarray | StoredRows | None
    labels: np.ndarray | None
    captions: Texts | None
    names: tuple[str, ...] | None
    classes: tuple[str, ...] | None
    unread: tuple[str, ...]


def read_features(path: Path) -> Features:
    """Read the arrays of `ARRAYS`; others are named in `unread`.

    Raises:
        CrosshashError: the file cannot be read, has no `image`, an array does not hold what it should, or the
            arrays differ in their rows.
    """
    arrays, names = _read_arrays(path)
    if "image" not in arrays:
        found = ", ".join(sorted(names)) or "none"
        raise CrosshashError(
            f"{path}: array 'image' (float[N, D], a row per item) is missing; found: {found}."
        )
    features = Features(
        image=_finite(path, "image", arrays["image"]),
        text=_finite(path, "text", arrays["text"]) if "text" in arrays else None,
        labels=_labels(path, arrays["labels"]) if "labels" in arrays else None,
        captions=_texts(path, "captions", arrays["captions"]) if "captions" in arrays else None,
        names=_different(path, "names", arrays, composed),
        classes=_different(path, "classes", arrays, as_seen),
        unread=tuple(name for name in names if name not in ARRAYS),
    )
    _check_counts(path, features)
    return features


def _read_arrays(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Read an .npz file's arrays, or those of `ARRAYS` in a .mat file, and give the names of all."""
    if not path.is_file():
        raise CrosshashError(f"{path}: not found. Save the arrays there with numpy.savez.")
    if path.suffix == ".npz":
        large = _large(path)
        arrays = read_npz(path, large)
        return arrays | large, [*arrays, *large]
    if path.suffix != ".mat":
        raise CrosshashError(f"{path}: is neither .npz nor .mat. Save the arrays with numpy.savez.")
    return read_mat(path, ARRAYS), list(list_mat(path))


def _large(path: Path) -> dict[str, StoredRows]:
    """Find what can be read row by row; of a file that is none, `read_npz` says what is wrong with it."""
    try:
        return large_matrices(path, ("image", "text"))
    except (ValueError, OSError, EOFError, zipfile.BadZipFile):
        return {}


def constant_columns(vectors: np.ndarray | StoredRows) -> int:
    """Count the columns in which every row has the same value; float[N, D] in."""
    blocks = [vectors] if isinstance(vectors, np.ndarray) else vectors.blocks()
    same = np.ones(vectors.shape[1], bool)
    for block in blocks:
        same &= (block == vectors[0]).all(axis=0)
    return int(same.sum())


def finite_vectors(path: Path, key: str, array: np.ndarray) -> np.ndarray:
    """Check that an array is a matrix of finite real numbers; float32[N, D]."""
    if array.ndim != 2 or array.dtype.kind not in "fiub" or not array.size:
        raise CrosshashError(
            f"{path}: array '{key}' must be a matrix of real numbers, a row per item; "
            f"found {array.dtype} of shape {array.shape}."
        )
    with np.errstate(over="ignore"):
        vectors = array.astype(np.float32)
    _check_finite(path, key, [vectors])
    return vectors


def _finite(path: Path, key: str, array: np.ndarray | StoredRows) -> np.ndarray | StoredRows:
    """Check the same of a matrix that stays in its file."""
    if isinstance(array, np.ndarray):
        return finite_vectors(path, key, array)
    _check_finite(path, key, array.blocks())
    return array


def _check_finite(path: Path, key: str, blocks: Iterable[np.ndarray]) -> None:
    row, count = 0, 0
    rows: list[np.ndarray] = []
    columns: set[int] = set()
    for block in blocks:
        if not np.isfinite(block.sum(dtype=np.float64)):  # false alarms are looked at more closely
            bad = ~np.isfinite(block)
            rows.append(row + np.flatnonzero(bad.any(axis=1)))
            columns.update(np.flatnonzero(bad.any(axis=0)).tolist())
            count += int(bad.sum())
        row += len(block)
    if count:
        raise CrosshashError(
            f"{path}: array '{key}' has {count} NaN or infinite value(s), in row(s) "
            f"{some_of(np.concatenate(rows))} and column(s) {some_of(np.array(sorted(columns)))}, counted "
            "from 0. Replace them, or leave those items out."
        )


def numbered_classes(count: int) -> tuple[str, ...]:
    """Name classes by number, so that they sort as text in their order."""
    digits = len(str(count))
    return tuple(f"class {number:0{digits}d}" for number in range(count))


def some_of(places: np.ndarray) -> str:
    """Write the first few numbers, and how many follow."""
    text = ", ".join(map(str, places[:SHOWN]))
    return text if len(places) <= SHOWN else f"{text} and {len(places) - SHOWN} more"


def _labels(path: Path, array: np.ndarray) -> np.ndarray:
    """Check that an array is a matrix of 0 and 1; bool[N, C]."""
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise CrosshashError(
            f"{path}: array 'labels' must be a matrix of 0 and 1, a row per item and a column per class; "
            f"found {array.dtype} of shape {array.shape}."
        )
    rows = np.flatnonzero(((array != 0) & (array != 1)).any(axis=1))
    if len(rows):
        raise CrosshashError(
            f"{path}: array 'labels' has other values than 0 and 1, in row(s) {some_of(rows)}, counted "
            "from 0. Give a column per class."
        )
    return array.astype(bool)


def _texts(path: Path, key: str, array: np.ndarray) -> Texts:
    """Check that an array holds texts, one or several in each row; bytes are read as UTF-8."""
    if array.dtype.kind == "S":
        array = _decoded(path, key, array)
    if array.dtype.kind not in "UT":
        raise CrosshashError(
            f"{path}: array '{key}' must hold texts, in each row one or several; "
            f"found {array.dtype} of shape {array.shape}. Save texts: numpy.array(list of str)."
        )
    return text_rows(array)


def _decoded(path: Path, key: str, array: np.ndarray) -> np.ndarray:
    """Read bytes as UTF-8."""
    decoded = np.empty(array.shape, dtype=np.dtypes.StringDType())
    for place, value in np.ndenumerate(array):
        try:
            decoded[place] = value.decode()
        except UnicodeDecodeError as error:
            row, byte = place[0] if place else 0, error.start
            raise CrosshashError(
                f"{path}: array '{key}', row {row}, counted from 0: byte {byte + 1} (0x{value[byte]:02x}) "
                "is not UTF-8. Save texts: numpy.array(list of str)."
            ) from None
    return decoded


def _different(
    path: Path, key: str, arrays: Mapping[str, np.ndarray], spelling: Callable[[str], str]
) -> tuple[str, ...] | None:
    """Give texts that must differ from one another, in one spelling; None where there is no such array."""
    if key not in arrays:
        return None
    texts = tuple(spelling(" ".join(row)) for row in _texts(path, key, arrays[key]))
    repeated = sorted(text or "(empty)" for text, count in Counter(texts).items() if count > 1 or not text)
    if repeated:
        raise CrosshashError(
            f"{path}: array '{key}' must hold different texts, none empty; found again:\n{listed(repeated)}"
        )
    return texts


def _check_counts(path: Path, features: Features) -> None:
    """Refuse arrays with another number of rows than `image`, and names for more or fewer classes."""
    found = {
        "image": features.image,
        "text": features.text,
        "labels": features.labels,
        "captions": features.captions,
        "names": features.names,
    }
    counts = {key: len(value) for key, value in found.items() if value is not None}
    if len(set(counts.values())) > 1:
        listing = ", ".join(f"{key} {count}" for key, count in counts.items())
        raise CrosshashError(f"{path}: the arrays differ in their rows: {listing}. Give a row per item.")
    if features.labels is not None and features.classes is not None:
        columns = features.labels.shape[1]
        if columns != len(features.classes):
            raise CrosshashError(
                f"{path}: array 'labels' has {columns} columns, 'classes' names {len(features.classes)}. "
                "Give a name per column."
            )
