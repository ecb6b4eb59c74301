"""Arrays that lie where a data set is read and are not read: named, none is passed over in silence."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import groupby
from pathlib import Path

from crosshash.errors import CrosshashError
from crosshash.formats.matlab.mat import MatVariable, list_mat

ENDINGS = (".mat", ".npy", ".npz", ".h5", ".hdf5", ".h5py")
SHOWN = 20  # files of a folder; some sets have a .mat file for each picture


def unread_variables(path: Path, used: Collection[str]) -> tuple[str, ...]:
    """Name the variables of a .mat file that are not among those in use, a line each."""
    return tuple(
        f"{path.name}: '{name}' ({_size(variable)}) is not read"
        for name, variable in list_mat(path).items()
        if name not in used
    )


def unread_files(place: Path, used: Iterable[Path]) -> tuple[str, ...]:
    """Name the files of arrays in a folder, and in the folders in it, that are not in use.

    Of .mat files also what they hold; a damaged one is named, and no error.
    """
    known = set(used)
    found = [
        path for pattern in ("*", "*/*") for path in place.glob(pattern) if path.suffix.lower() in ENDINGS
    ]
    lines = []
    for folder, files in groupby(
        sorted(found, key=lambda path: (path.parent, path)), lambda path: path.parent
    ):
        unread = [path for path in files if path not in known and path.is_file()]
        lines += [_described(path, place) for path in unread[:SHOWN]]
        if len(unread) > SHOWN:
            name = f"{folder.relative_to(place)}/" if folder != place else "the folder"
            lines.append(f"{name}: {len(unread) - SHOWN} more files of arrays are not read")
    return tuple(lines)


def _described(path: Path, place: Path) -> str:
    name = path.relative_to(place).as_posix()
    if path.suffix.lower() != ".mat":
        return f"{name} is not read"
    try:
        held = [f"'{one}' ({_size(variable)})" for one, variable in list_mat(path).items()]
    except CrosshashError:
        held = ["no sound .mat file"]
    return f"{name} is not read: {', '.join(held) or 'empty'}"


def _size(variable: MatVariable) -> str:
    return f"{' x '.join(map(str, variable.shape))} {variable.kind}".strip()  # objects have no shape
