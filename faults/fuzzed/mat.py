"""A .mat triple in one of its layouts; read again by scipy or h5py and the layout that it was written in.

These files carry no checksum: a changed letter or number means what the file now says, to everybody.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.sparse
from scipy.io import loadmat, savemat

from crosshash.datasets import mat_triple
from faults.fuzzed.given import Given, MeaninglessError, damaged

FILES = {"index": "index.mat", "caption": "caption.mat", "category": "label.mat"}
WORDS = (
    "a red circle",
    "un \u00e9l\u00e8ve",
    "two stars",
    "\U0001f600 smiles",
    "x",
    "\u0938\u094d\u0924\u0947",
)
CLASSES = {"bool": "logical", "float64": "double", "complex128": "double"}
Item = tuple[str, tuple[str, ...], tuple[int, ...]]


def make(dice: random.Random, folder: Path) -> Given:
    """Write index, captions and labels of a few items; often with damaged bytes or another array."""
    place = folder / "triple"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    items = _items(dice)
    layout = dice.choice(("char", "cells", "cells on their side"))
    new = dice.random() < 0.3
    write = _new if new else _old(dice)
    write(place / "index.mat", "index", _texts([[name] for name, _, _ in items], layout))
    write(place / "caption.mat", "caption", _texts([list(captions) for _, captions, _ in items], layout))
    labels = np.array([marks for _, _, marks in items]).astype(
        dice.choice((np.uint8, np.float64, np.int16, bool))
    )
    sparse = not new and dice.random() < 0.3
    write(place / "label.mat", "category", scipy.sparse.csc_array(labels.astype(float)) if sparse else labels)
    told = [layout, "7.3" if new else "5"]
    key = dice.choice(list(FILES))
    target = place / FILES[key]
    match dice.randrange(4):
        case 0:
            wrong = dice.choice(WRONG)
            write(target, key, wrong)
            told.append(f"{target.name} {wrong!r}")
            return Given(", ".join(told), lambda: _read(place), lambda: _never())
        case 1 | 2:
            target.write_bytes(damaged(target.read_bytes(), dice))
            told.append(f"bytes of {target.name}")
    return Given(", ".join(told), lambda: _read(place), lambda: _meant(place, layout, new))


WRONG: tuple[Any, ...] = (
    np.zeros((0, 0)),
    np.array(3.0),
    np.full((4, 3), np.nan),
    np.full((3, 2), 0.5),
    np.ones((2, 2, 2, 2, 2)),
    np.array([[1 + 2j, 1]]),
)


def _items(dice: random.Random) -> list[Item]:
    """Names all differ, every item has a caption, and there are more items than classes."""
    count, classes = dice.randrange(5, 9), dice.randrange(2, 4)
    return [
        (
            f"images/{number}.jpg",
            tuple(dict.fromkeys(dice.choice(WORDS) for _ in range(dice.choice((1, 1, 2))))),
            tuple(dice.randrange(2) for _ in range(classes)),
        )
        for number in range(count)
    ]


def _texts(rows: list[list[str]], layout: str) -> Any:  # noqa: ANN401 - char matrix or cells
    """Lay texts out; a char matrix has room for one text per item, all padded to the longest."""
    if layout == "char":
        width = max(len(row[0]) for row in rows)
        return np.array([row[0].ljust(width) for row in rows])
    cells = np.empty((len(rows), 1), dtype=object)
    for number, row in enumerate(rows):
        cells[number, 0] = np.array([text.ljust(max(map(len, row))) for text in row])
    return cells if layout == "cells" else cells.T


def _old(dice: random.Random) -> Callable[[Path, str, Any], None]:
    packed = dice.random() < 0.5
    return lambda path, key, value: savemat(path, {key: value}, do_compression=packed)


def _new(path: Path, key: str, value: Any) -> None:  # noqa: ANN401
    """Write a file of version 7.3 as MATLAB does: axes reversed, texts as UTF-16, cells as references."""
    with h5py.File(path, "w", userblock_size=512) as file:
        _put(file, file, key, np.asarray(value))


def _put(file: h5py.File, group: Any, key: str, value: Any) -> Any:  # noqa: ANN401
    if value.dtype.kind == "U":
        letters = [
            np.frombuffer(str(text).encode("utf-16-le"), np.uint16) for text in np.atleast_1d(value).ravel()
        ]
        width = max(map(len, letters))
        table = np.array([np.pad(row, (0, width - len(row)), constant_values=32) for row in letters])
        node = group.create_dataset(key, data=table.T)
        node.attrs["MATLAB_class"] = np.bytes_("char")
        return node
    if value.dtype.kind == "O":
        room = file.require_group("#refs#")
        references = np.empty(value.T.shape, dtype=h5py.ref_dtype)
        for place, cell in np.ndenumerate(value.T):
            references[place] = _put(file, room, f"{key}{len(room)}", cell).ref
        node = group.create_dataset(key, data=references)
        node.attrs["MATLAB_class"] = np.bytes_("cell")
        return node
    node = group.create_dataset(key, data=value.astype(np.uint8 if value.dtype == bool else value.dtype).T)
    node.attrs["MATLAB_class"] = np.bytes_(CLASSES.get(value.dtype.name, value.dtype.name))
    return node


def _read(place: Path) -> object:
    mat_triple.fetch(Path("raw"), str(place))
    found = mat_triple.read(Path("raw"), str(place))
    if found.text is not None or not isinstance(found.images, tuple):
        return "vectors"
    marks = [tuple(int(name in item.labels) for name in found.classes) for item in found.items]
    return [(item.id, item.captions, mark) for item, mark in zip(found.items, marks, strict=True)]


def _never() -> object:
    raise MeaninglessError("an array of another kind")


def _meant(place: Path, layout: str, new: bool) -> object:
    """Say what the files hold, in the layout that they were written in."""
    load = _loaded if new else _loaded_old
    try:
        names, texts = (_rows(load(place, key), layout) for key in ("index", "caption"))
        marks = load(place, "category").astype(int).tolist()
        joined = zip(names, texts, marks, strict=True)
        return [
            (name[0], tuple(dict.fromkeys(filter(None, text))), tuple(mark)) for name, text, mark in joined
        ]
    except Exception as error:
        raise MeaninglessError(str(error)) from error


def _loaded_old(place: Path, key: str) -> Any:  # noqa: ANN401
    value = loadmat(place / FILES[key])[key]
    return value.toarray() if hasattr(value, "toarray") else value


def _loaded(place: Path, key: str) -> Any:  # noqa: ANN401
    with h5py.File(place / FILES[key]) as file:
        value = file[key][()]
        if key == "category":
            return value.T
        if value.dtype != h5py.ref_dtype:
            return _strings(value)
        cells = np.empty(value.size, dtype=object)
        cells[:] = [_strings(file[one][()]) for one in value.ravel()]
        return cells


def _strings(letters: Any) -> list[str]:  # noqa: ANN401
    """Read UTF-16 in columns; no program writes half a character, or one of value 0."""
    if not letters.all():
        raise MeaninglessError("null characters")
    return [row.tobytes().decode("utf-16-le") for row in np.ascontiguousarray(letters.T, np.uint16)]


def _rows(array: Any, layout: str) -> list[list[str]]:  # noqa: ANN401
    if layout == "char":
        return [[str(text).strip()] for text in array]
    return [[str(text).strip() for text in cell] for cell in np.ravel(array)]
