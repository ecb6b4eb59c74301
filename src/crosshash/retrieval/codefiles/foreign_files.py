"""The six arrays of foreign codes, from a .mat or .npz file or from six .npy files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_npz
from crosshash.errors import CrosshashError, listed

CODES = ("q_img", "q_txt", "r_img", "r_txt")
LABELS = ("q_l", "r_l")
NAMES = (*CODES, *LABELS)
VECTORS = "vectors"
"""Mark of files whose arrays are decoded vectors, whose signs would be scored in their place."""

Array = NDArray[Any]


def six_arrays(path: Path) -> dict[str, Array]:
    """Read q_img, q_txt, r_img, r_txt, q_l, r_l of a file, or of `<name>.npy` in a folder or after a prefix.

    Raises:
        CrosshashError: nothing of the kind is there, or a file is damaged, of another kind or lacks arrays.
    """
    if path.is_dir():
        return _npy_arrays(path, f"{path}/")
    if not path.is_file():
        for prefix in (str(path), f"{path}_"):
            if any(Path(f"{prefix}{name}.npy").is_file() for name in NAMES):
                return _npy_arrays(path, prefix)
        raise CrosshashError(
            f"{path}: not found; give the path of a .mat or .npz file, or a folder, or the beginning of the "
            f"names, of {', '.join(f'{name}.npy' for name in NAMES)}."
        )
    if path.suffix == ".npy":
        raise CrosshashError(
            f"{path}: one .npy file holds one array; give the folder of all six: {', '.join(NAMES)}."
        )
    return _npz_arrays(path) if path.suffix == ".npz" else _mat_arrays(path)


def _npz_arrays(path: Path) -> dict[str, Array]:
    arrays = read_npz(path)
    hint = " A query.npz is scored with its retrieval.npz beside it." if "has_text" in arrays else ""
    return _complete(path, arrays, arrays, hint)


def _mat_arrays(path: Path) -> dict[str, Array]:
    from crosshash.formats.matlab.mat import list_mat, read_mat

    return _complete(path, read_mat(path, NAMES), list_mat(path))


def _complete(
    path: Path, arrays: dict[str, Array], present: Iterable[str], hint: str = ""
) -> dict[str, Array]:
    if VECTORS in present:
        raise CrosshashError(
            f"{path}: holds what items are stored as, decoded to vectors, and no hash codes; the run that "
            "wrote it scores them by inner product: `crosshash scores`."
        )
    absent = [name for name in NAMES if name not in arrays]
    if absent:
        there = ", ".join(sorted(present)) or "none"
        raise CrosshashError(f"{path}: no array {', '.join(absent)}; there are: {there}.{hint}")
    return {name: arrays[name] for name in NAMES}


def _npy_arrays(path: Path, prefix: str) -> dict[str, Array]:
    files = {name: Path(f"{prefix}{name}.npy") for name in NAMES}
    absent = [str(file) for file in files.values() if not file.is_file()]
    if absent:
        raise CrosshashError(f"{path}: a set of codes is six .npy files; not found:\n{listed(absent)}")
    return {name: _read_npy(file) for name, file in files.items()}


def _read_npy(path: Path) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise CrosshashError(
            f"{path}: cannot be read as .npy ({error}). Write it again with numpy.save; arrays of Python "
            "objects are refused."
        ) from None
    if not isinstance(array, np.ndarray):  # an .npz under another name
        raise CrosshashError(f"{path}: holds several arrays; write one with numpy.save.")
    return array
