"""Small .mat files as MATLAB writes them, for tests: version 7.3 by h5py, and what scipy cannot write.

Version 7.3 is HDF5 behind a block of 512 bytes; arrays lie in reversed order of axes and carry
`MATLAB_class`, characters are uint16, cells are references into `#refs#`, sparse matrices groups of `data`,
`ir`, `jc` with `MATLAB_sparse` rows, empty arrays their sizes with `MATLAB_empty`, objects
`MATLAB_object_decode` (tbeu/matio, src/mat73.c). Version 4 and 5: MathWorks, MAT-File Format, and scipy.io.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

HEADER_73 = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM"
HEADER_5 = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
CLASSES = {"float64": "double", "float32": "single", "bool": "logical"}


def write_mat73(path: Path, variables: Mapping[str, Any]) -> Path:
    """Write numbers, bools, sparse matrices, text (arrays: a char matrix), cells (object arrays)."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            put(file, name, value)
    with path.open("r+b") as raw:
        raw.write(HEADER_73)
    return path


def put(file: h5py.File, name: str, value: Any) -> h5py.Dataset | h5py.Group:  # noqa: ANN401
    """Write one variable, or one cell."""
    if hasattr(value, "tocsc"):
        node = file.create_group(name)
        matrix = value.tocsc()
        node.attrs["MATLAB_sparse"] = np.uint64(matrix.shape[0])
        node["jc"] = matrix.indptr.astype(np.uint64)
        if matrix.nnz:
            node["ir"], node["data"] = (
                matrix.indices.astype(np.uint64),
                matrix.data.astype(stored(matrix.dtype)),
            )
        return marked(node, class_of(matrix.dtype))
    array = np.asarray(value)
    if array.dtype.kind == "U":
        texts = np.atleast_1d(array).tolist()
        units = [np.frombuffer(text.encode("utf-16-le"), "<u2") for text in texts]
        table = np.full((len(texts), max(map(len, units))), ord(" "), dtype=np.uint16)
        for row, unit in enumerate(units):
            table[row, : len(unit)] = unit
        node = sized(file, name, table)
        return marked(node, "char")
    if array.dtype == object:
        references = np.empty(array.shape, dtype=h5py.ref_dtype)
        for number, (place, inner) in enumerate(np.ndenumerate(array)):
            references[place] = put(file, f"#refs#/{name.removeprefix('#refs#/')} {number}", inner).ref
        return marked(file.create_dataset(name, data=references.T, dtype=h5py.ref_dtype), "cell")
    return marked(sized(file, name, array.astype(stored(array.dtype))), class_of(array.dtype))


def sized(file: h5py.File, name: str, array: np.ndarray) -> h5py.Dataset:
    """Write an array in MATLAB's order, an empty one as its sizes."""
    if array.size:
        return file.create_dataset(name, data=array.T)
    node = file.create_dataset(name, data=np.array(array.shape, dtype=np.uint64))
    node.attrs["MATLAB_empty"] = np.uint8(1)
    return node


def stored(dtype: np.dtype) -> np.dtype:
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype


def class_of(dtype: np.dtype) -> str:
    return CLASSES.get(dtype.name, dtype.name)


def marked(node: h5py.Dataset | h5py.Group, kind: str) -> h5py.Dataset | h5py.Group:
    node.attrs["MATLAB_class"] = np.bytes_(kind)
    return node


def write_mat4(path: Path, name: str, matrix: np.ndarray) -> Path:
    """Write a matrix of doubles as version 4, big-endian as Macs and SPARCs did."""
    head = struct.pack(">5i", 1000, *matrix.shape, 0, len(name) + 1)
    path.write_bytes(head + name.encode() + b"\0" + matrix.astype(">f8").tobytes(order="F"))
    return path


def element(kind: int, data: bytes) -> bytes:
    """Give a data element of version 5: type, length, data padded to 8 bytes."""
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix_element(kind: int, name: str, content: bytes, dims: tuple[int, ...] | None = (1, 1)) -> bytes:
    """Give an array of version 5; `kind` is its mxCLASS, an opaque one (17) has no sizes."""
    sizes = b"" if dims is None else element(5, struct.pack(f"<{len(dims)}i", *dims))
    return element(14, element(6, struct.pack("<II", kind, 0)) + sizes + element(1, name.encode()) + content)


def write_function_handle(path: Path) -> Path:
    """Write `f = @(x) x` as far as its class (mxFUNCTION_CLASS, 16)."""
    inner = matrix_element(6, "", element(9, struct.pack("<d", 1.0)))
    path.write_bytes(HEADER_5 + matrix_element(16, "f", inner))
    return path


def write_string_object(path: Path) -> Path:
    """Write `s = "text"`: an object of the type system MCOS (mxOPAQUE_CLASS, 17) with a reference."""
    reference = matrix_element(13, "", element(6, struct.pack("<6I", 0xDD000000, 2, 1, 1, 1, 1)), (6, 1))
    content = element(1, b"MCOS") + element(1, b"string") + reference
    path.write_bytes(HEADER_5 + matrix_element(17, "s", content, None))
    return path
