"""MATLAB files: all versions read, version 5 written.

pymatreader drops axes of length 1, reads only whole variables, and follows links into other files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from scipy.io.matlab import matfile_version

from crosshash.artifacts import atomic_path
from crosshash.checksums import BLANK, check, seal
from crosshash.errors import CrosshashError, listed
from crosshash.formats.matlab import mat5
from crosshash.formats.matlab.mat_text import check_letters, text_array

HDF5 = b"\x89HDF\r\n\x1a\n"
HDF5_STARTS = (0, 512)  # MATLAB writes a text of 512 bytes before it, other programs none
REFUSED = {
    "struct": "is a struct; save its fields as variables of their own: save(file, '-struct', name)",
    "function": "is a function handle; leave it out",
    "object": "is a MATLAB object; save what it holds as a matrix or a cell array",
    "opaque": "is a MATLAB object, as string arrays and tables are; save texts with cellstr(), tables with "
    "table2array()",
    "link": "lies in another file; save it into this one",
    "mixed": "is a cell array of more than text; save numbers as a matrix: cell2mat()",
}
HEADER = f"MATLAB 5.0 MAT-file, {BLANK}".encode().ljust(116)


@dataclass(frozen=True)
class MatVariable:
    """What a .mat file says of a variable: shape in MATLAB's order (of text: without the letters), class."""

    shape: tuple[int, ...]
    kind: str


def list_mat(path: Path) -> dict[str, MatVariable]:
    """List the variables of a .mat file of any version; no array is read.

    Raises:
        CrosshashError: the file is missing, cut, damaged or of another kind; written by this project, it
            differs from its checksum.
    """
    if not path.is_file():
        raise CrosshashError(f"{path}: {'is a folder' if path.is_dir() else 'not found'}. Give a .mat file.")
    with _readable(path):
        with path.open("rb") as file:
            check(file, head=True)
        if is_mat73(path):
            from crosshash.formats.matlab.mat73 import list_variables

            found: Sequence[tuple[str, tuple[int, ...], str]] = list_variables(path)
        else:
            found = _list_old(path)
    return {name: MatVariable(tuple(shape), kind) for name, shape, kind in found if not name.startswith("__")}


def read_mat(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Read variables of a .mat file of version 4 to 7.3: those of `names` that are there, or all.

    Numbers come as arrays in MATLAB's order of axes and in the type that the file keeps them in, sparse
    matrices full, logical ones as bool. Text comes as numpy's StringDType[N, M]: a row for each string of a
    char matrix, or for each cell of a list of cells with all its texts (in a cell array of several columns, a
    row for each of its rows); missing ones are empty, blanks at the ends are gone. Nothing outside the file
    is read and nothing is unpickled.

    Raises:
        CrosshashError: the file is missing, cut, damaged or of another kind, or variables are no arrays
            (structs, objects, function handles, cells with numbers), or logical and neither 0 nor 1; all of
            them are listed.
    """
    present = list_mat(path)
    wanted = [name for name in present if names is None or name in names]
    _refuse(path, [f"'{name}' {REFUSED[kind]}" for name in wanted if (kind := present[name].kind) in REFUSED])
    with _readable(path):
        found = _load(path, wanted)
    values, refused = {}, []
    for name in wanted:
        try:
            values[name] = _plain(found[name], present[name].kind)
        except ValueError:
            refused.append(f"'{name}' is logical and holds other numbers than 0 and 1: it is damaged")
        except TypeError:
            refused.append(f"'{name}' {REFUSED['mixed']}")
    _refuse(path, refused)
    return values


def read_mat_part(path: Path, name: str, axis: int, start: int, stop: int) -> np.ndarray:
    """Read places `start` to `stop` of one axis of an array of numbers that `list_mat` found.

    Version 7.3: only they are read. Older versions cannot be read in parts: the array, at most 2 GB, is read
    once and kept until another one is asked for.

    Raises:
        CrosshashError: the file is missing, cut, damaged, or the variable is no array.
    """
    with _readable(path):
        if is_mat73(path):
            from crosshash.formats.matlab.mat73 import read_part

            return read_part(path, name, axis, start, stop)
        changed = path.stat().st_mtime_ns
    return _whole(path, name, changed)[(slice(None),) * axis + (slice(start, stop),)]


@lru_cache(maxsize=1)
def _whole(path: Path, name: str, changed: int) -> np.ndarray:
    return read_mat(path, [name])[name]


def _refuse(path: Path, problems: Sequence[str]) -> None:
    if problems:
        raise CrosshashError(f"{path}: variable(s) that are no arrays:\n{listed(problems)}")


def is_mat73(path: Path) -> bool:
    """Whether a file is HDF5, as .mat files of version 7.3 are."""
    with path.open("rb") as file:
        head = file.read(HDF5_STARTS[-1] + len(HDF5))
    return any(head[start : start + len(HDF5)] == HDF5 for start in HDF5_STARTS)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file makes scipy and h5py raise into an error that names the file."""
    try:
        yield
    except CrosshashError:
        raise
    except NotImplementedError:
        cause = "its header says version 7.3, but no HDF5 follows"
    except Exception as error:
        cause = str(error) or type(error).__name__
    else:
        return
    raise CrosshashError(
        f"{path}: cannot be read as a .mat file ({cause}). Save it again, in MATLAB or by scipy."
    )


def _list_old(path: Path) -> Sequence[tuple[str, tuple[int, ...], str]]:
    """List the variables of a file older than 7.3."""
    if matfile_version(path, appendmat=False)[0] == 1:
        return mat5.list_variables(path)
    return scipy.io.whosmat(path, appendmat=False)  # version 4: matrices alone


def _load(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Read variables as scipy gives them."""
    if not names:
        return {}
    found: dict[str, Any]
    if is_mat73(path):
        from crosshash.formats.matlab.mat73 import read_variables

        found = read_variables(path, names)
    else:
        found = scipy.io.loadmat(path, appendmat=False, variable_names=tuple(names))
        for name in names:
            check_letters(found[name])
    for name in names:
        if hasattr(found[name], "toarray"):
            found[name].check_format(full_check=True)  # a wrong place would be written to in memory
    return found


def _plain(value: Any, kind: str) -> np.ndarray:  # noqa: ANN401 - whatever scipy found
    """Turn what scipy gives into an array without objects.

    Raises:
        TypeError: a cell holds something else than text.
        ValueError: a logical array holds other numbers than 0 and 1, which no program writes.
    """
    if hasattr(value, "toarray"):
        value = value.toarray()
    if value.dtype.kind in "OU":
        return text_array(value)
    if kind == "logical" and value.size and not np.isin(value, (0, 1)).all():
        raise ValueError
    number: np.dtype = np.dtype(bool) if kind == "logical" else value.dtype.newbyteorder("=")
    array: np.ndarray = value.astype(number, copy=False)
    return array


def write_mat(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a .mat file (version 5, compressed) atomically.

    scipy puts the time of writing into the header; a checksum replaces it, so that equal arrays give equal
    bytes.
    """
    with atomic_path(path) as temporary:
        scipy.io.savemat(str(temporary), dict(arrays), appendmat=False, do_compression=True)
        with temporary.open("r+b") as file:
            file.write(HEADER)
        seal(temporary, head=True)
