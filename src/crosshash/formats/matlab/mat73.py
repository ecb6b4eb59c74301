"""MATLAB files of version 7.3, which are HDF5, given as scipy gives the older ones; no other file is read."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.sparse

from crosshash.formats.matlab.mat_text import DEEPEST, NULLS

NUMBERS = {"double": "float64", "single": "float32"} | {
    name: name for bits in (8, 16, 32, 64) for name in (f"int{bits}", f"uint{bits}")
}
CLASSES = {"", "char", "cell", "logical", "canonical empty", *NUMBERS}
OBJECTS = {1: "function", 2: "object", 3: "opaque"}  # values of MATLAB_object_decode


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    """Open for reading, without a lock: worker processes read side by side, also from read-only disks."""
    with h5py.File(path, "r", locking=False) as file:
        yield file


def list_variables(path: Path) -> list[tuple[str, tuple[int, ...], str]]:
    """Give name, shape in MATLAB's order and class of each variable; `#refs#` and the like are none.

    A class is MATLAB's own, or `struct`, `function`, `object`, `opaque`, or `link` for what lies elsewhere.
    """
    with _open(path) as file:
        names = [name for name in file if not name.startswith("#")]
        return [(name, *_describe(file, name)) for name in names]


def read_variables(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Read variables in MATLAB's order of axes: numbers, sparse matrices, text `<U`, cells as objects."""
    with _open(path) as file:
        return {name: _value(file, file[name], 0) for name in names}


def read_part(path: Path, name: str, axis: int, start: int, stop: int) -> np.ndarray:
    """Read a part of an array of numbers; `axis` and the result are in MATLAB's order."""
    with _open(path) as file:
        node = file[name]
        _check_size(node)
        place = (slice(None),) * (node.ndim - 1 - axis) + (slice(start, stop),)
        return np.asarray(node[place]).T


def _describe(file: h5py.File, name: str) -> tuple[tuple[int, ...], str]:
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return (), "link"
    node = file[name]
    if isinstance(node, h5py.Group):
        rows = node.attrs.get("MATLAB_sparse")
        if rows is None:
            return (), "struct"
        return (int(rows), len(_member(node, "jc")) - 1), _class(node)
    if _lies_elsewhere(node):
        return (), "link"
    if _holds_strings(node):
        return node.shape, "char"
    shape = tuple(map(int, node[()])) if _is_empty(node) else node.shape[::-1]
    kind = OBJECTS.get(int(node.attrs.get("MATLAB_object_decode", 0))) or _class(node)
    return (shape[:-1] if kind == "char" else shape), kind


def _lies_elsewhere(node: h5py.Dataset) -> bool:
    """Whether a data set's numbers are kept in other files, which are never opened."""
    return bool(node.is_virtual or node.external)


def _holds_strings(node: h5py.Dataset) -> bool:
    """Whether it holds HDF5's own strings, as h5py writes them, not reversed; MATLAB has none."""
    return h5py.check_string_dtype(node.dtype) is not None


def _class(node: h5py.Dataset | h5py.Group) -> str:
    """Give MATLAB's class; plain HDF5, as h5py writes it, has none and counts as numbers."""
    given = node.attrs.get("MATLAB_class", b"")
    name = given.decode() if isinstance(given, bytes) else str(given)
    if name not in CLASSES:
        raise ValueError(f"{node.name} is of class {name[:40]!r}, which is none of an array")
    return name


def _is_empty(node: h5py.Dataset) -> bool:
    return bool(node.attrs.get("MATLAB_empty", 0))


def _member(group: h5py.Group, name: str) -> np.ndarray:
    """Read an array of a sparse matrix."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink) or _lies_elsewhere(group[name]):
        raise ValueError(f"{group.name}/{name} lies in another file")
    return np.asarray(group[name][()])


def _value(file: h5py.File, node: h5py.Dataset | h5py.Group, depth: int) -> Any:  # noqa: ANN401 - as in scipy
    if isinstance(node, h5py.Group):
        return _sparse(node)
    if _lies_elsewhere(node):
        raise ValueError(f"{node.name} lies in another file")
    if _holds_strings(node):
        return np.atleast_1d(np.array(node.asstr("utf-8")[()], dtype=np.str_))
    kind = _class(node)
    if _is_empty(node):
        shape = tuple(map(int, node[()]))
        if np.prod(shape):
            raise ValueError(f"{node.name} counts as empty, but has a size")
        return np.zeros(shape[:-1], dtype="<U1") if kind == "char" else np.zeros(shape)
    _check_size(node)
    array = np.asarray(node[()]).T
    if array.dtype.names is None and array.dtype.name != NUMBERS.get(kind, array.dtype.name):
        raise ValueError(f"{node.name} is of class {kind} and holds {array.dtype.name}")
    if kind == "cell":
        return _cells(file, array, depth)
    if kind == "char":
        return _texts(array)
    if array.dtype.names == ("real", "imag"):
        return array["real"] + 1j * array["imag"]
    return array


def _check_size(node: h5py.Dataset) -> None:
    """Refuse numbers in one piece whose room is not that of their shape: HDF5 fills up with zeros."""
    if node.chunks is None and node.id.get_storage_size() != node.nbytes:
        raise ValueError(f"{node.name} holds {node.id.get_storage_size()} bytes, not {node.nbytes}")


def _cells(file: h5py.File, references: np.ndarray, depth: int) -> np.ndarray:
    """Follow the references of a cell array; object array of the same shape."""
    if depth == DEEPEST:
        raise ValueError(f"cells nested more than {DEEPEST} deep")
    cells = np.empty(references.shape, dtype=object)
    for place, reference in np.ndenumerate(references):
        if not isinstance(reference, h5py.Reference):
            raise TypeError("a cell array without references")
        cells[place] = _value(file, file[reference], depth + 1)
    return cells


def _texts(codes: np.ndarray) -> np.ndarray:
    """Join the characters along MATLAB's last axis; UTF-16 code units in, `<U` out.

    hdf5storage writes texts with a character beyond U+FFFF in UTF-32. Half a character is an error.
    """
    if not codes.all():
        raise ValueError(NULLS)
    width = 2 if codes.dtype.itemsize <= 2 else 4
    if codes.dtype.kind not in "iu" or (codes.size and not 0 <= codes.min() <= codes.max() <= sys.maxunicode):
        raise ValueError("a text with numbers that are no characters")
    units = np.ascontiguousarray(codes, dtype=f"<u{width}")
    rows = units.reshape(-1, units.shape[-1])
    texts = [row.tobytes().decode(f"utf-{8 * width}-le") for row in rows]
    return np.array(texts, dtype=np.str_).reshape(units.shape[:-1])


def _sparse(group: h5py.Group) -> scipy.sparse.csc_array:
    """Read a sparse matrix: by column, `jc` its ends, `ir` the rows, `data` the values."""
    if "MATLAB_sparse" not in group.attrs:
        raise ValueError(f"{group.name} is a struct")
    ends = _member(group, "jc").astype(np.int64)
    filled = len(ends) > 0 and ends[-1] > 0  # without values, MATLAB leaves both arrays out
    rows = _member(group, "ir").astype(np.int64) if filled else np.zeros(0, dtype=np.int64)
    values = _member(group, "data") if filled else np.zeros(0)
    return scipy.sparse.csc_array(
        (values, rows, ends), shape=(int(group.attrs["MATLAB_sparse"]), len(ends) - 1)
    )
