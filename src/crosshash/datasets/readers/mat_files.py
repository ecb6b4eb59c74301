"""Data sets as .mat files: images, captions or tags, and labels, under every key that published loaders read.

Those are `index`, `imgs`, `FAll`; `caption`, `tags`, `YAll`; `category`, `labels`, `LAll`
(kalenforn/clip-based-cross-modal-hash, dataset/builder.py; WangGodder/deep-cross-modal-hashing,
torchcmh/dataset); `label` (DarrenZZhang/MM23-MITH, load_data.py); `IAll` or `images` for pictures
(jiangqy/DCMH-CVPR2017, load_data.py; zs-zhong/DJSRH, datasets.py); `XAll` for vectors (penghu-cs/UCCH,
src/cmdataset.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from crosshash.datasets.readers.unread import unread_variables
from crosshash.errors import CrosshashError, listed
from crosshash.formats.feature_file import finite_vectors, numbered_classes, some_of
from crosshash.formats.image_names import leads_out, names_on_disk, relative_names
from crosshash.formats.matlab.mat import MatVariable, list_mat, read_mat
from crosshash.formats.matlab.mat_text import Texts, text_rows
from crosshash.formats.pixel_rows import PixelRows, pixel_counts
from crosshash.formats.text_lines import text_lines
from crosshash.pairs.source import RawItem, RawItems

INDEX = ("index", "imgs", "FAll", "IAll", "images", "XAll")
CAPTION = ("caption", "captions", "tags", "YAll")
LABEL = ("category", "categories", "labels", "label", "LAll")


@dataclass(frozen=True)
class Part:
    """One of the three: texts of each row, numbers [N, M], or pictures that stay in the file."""

    path: Path
    key: str
    value: Texts | np.ndarray | MatVariable

    def __str__(self) -> str:
        value = self.value
        size = f"{len(value)} texts" if isinstance(value, tuple) else " x ".join(map(str, value.shape))
        return f"{self.path.name}: '{self.key}': {size}"

    def counts(self) -> tuple[int, ...]:
        """Give the numbers of items that it may hold; a matrix may lie on its side."""
        if isinstance(self.value, MatVariable):
            return pixel_counts(self.value)
        return (len(self.value),) if isinstance(self.value, tuple) else self.value.shape

    def texts(self) -> Texts | None:
        """Give the texts, if it holds texts."""
        return self.value if isinstance(self.value, tuple) else None

    def matrix(self, count: int) -> np.ndarray:
        """Give the numbers with a row per item, each in one piece."""
        matrix = np.asarray(self.value)
        return np.ascontiguousarray(matrix if len(matrix) == count else matrix.T)


def read_mat_triple(
    folder: Path, index: Path | None, caption: Path, label: Path, classes: Sequence[str] | None = None
) -> RawItems:
    """Read a data set from .mat files, which may be one and the same; image names are relative to `folder`.

    `index` names images, or holds pictures or vectors; None: there are texts and labels alone. `caption`
    holds texts (also as .txt, a line per item) or a matrix of tags, `label` a matrix of 0 and 1. Rows with
    the same image are one item with several captions. Ids are image names, else row numbers from 0; classes
    that are not given are `class 00` and so on.

    Raises:
        CrosshashError: a file or key is missing, the files differ in their rows, or hold names or values that
            cannot be used (all of these are listed).
    """
    marks, texts = _read(label, LABEL), _read(caption, CAPTION)
    images = None if index is None else _read(index, INDEX)
    parts = [marks, texts] if images is None else [marks, texts, images]
    count = common_count(folder, parts)
    captions = texts.texts()
    names = images.texts() if images else None
    ids, beginning = (
        relative_names(folder, ["/".join(row) for row in names]) if names is not None else (None, "")
    )
    problems = [
        *_label_problems(marks, count, classes),
        *(_tag_problems(texts) if captions is None else ()),
        *(_name_problems(folder, parts[-1], ids, captions is not None) if ids is not None else ()),
    ]
    if problems:
        raise CrosshashError(f"{folder}: the .mat files cannot be used:\n{listed(problems)}")
    indicators = marks.matrix(count)
    classes = numbered_classes(indicators.shape[1]) if classes is None else tuple(classes)
    items = _items(ids or list(map(str, range(count))), captions or ((),) * count, indicators, classes)
    return RawItems(
        items,
        classes,
        _images(images, count) if ids is None else _image_paths(folder, items),
        _tags(texts.matrix(count)) if captions is None else None,
        _warnings(parts, count, beginning),
    )


def _read(path: Path, keys: Sequence[str]) -> Part:
    """Read the first of the keys that is there; pictures are left in the file."""
    if path.suffix == ".txt":
        return Part(path, "lines", tuple((line,) if line else () for line in text_lines(path)))
    present = list_mat(path)
    key = next((key for key in keys if key in present), None)
    if key is None:
        found = ", ".join(f"'{name}' ({variable.kind})" for name, variable in sorted(present.items()))
        raise CrosshashError(
            f"{path}: has no variable {', '.join(keys[:-1])} or {keys[-1]}; found: {found or 'none'}. Rename "
            "the right one; save MATLAB's string arrays, which are objects, as cell arrays: cellstr()."
        )
    if len(present[key].shape) == 4 and keys == INDEX:
        return Part(path, key, present[key])
    array = read_mat(path, [key])[key]
    if array.dtype.kind == "T" and keys != LABEL:
        return Part(path, key, text_rows(array.T if len(array) == 1 else array))
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise CrosshashError(
            f"{path}: '{key}' must be a matrix of real numbers, a row per item; found {array.dtype} of shape "
            f"{array.shape}."
        )
    return Part(path, key, array)


def common_count(folder: Path, parts: Sequence[Part]) -> int:
    """Find the number of items that all parts may hold; the rows of the first come before its columns."""
    for count in parts[0].counts():
        if count and all(count in part.counts() for part in parts):
            return count
    raise CrosshashError(
        f"{folder}: the arrays differ in their rows:\n{listed(list(map(str, parts)))}\n"
        "Take files that belong together, with a row per item in each."
    )


def _label_problems(part: Part, count: int, classes: Sequence[str] | None) -> list[str]:
    matrix = part.matrix(count)
    problems = []
    if classes is not None and len(classes) != matrix.shape[1]:
        problems.append(f"{part}: {len(classes)} classes are expected, a column for each")
    rows = np.flatnonzero(((matrix != 0) & (matrix != 1)).any(axis=1))
    if len(rows):
        problems.append(
            f"{part}: other values than 0 and 1 in row(s) {some_of(rows)}, counted from 0; give a column per "
            "class, and write -1 as 0"
        )
    return problems


def _tag_problems(part: Part) -> list[str]:
    matrix = np.asarray(part.value)
    bad = matrix.size - np.isfinite(matrix).sum()
    return [f"{part}: {bad} NaN or infinite value(s); replace them"] if bad else []


def _name_problems(folder: Path, part: Part, ids: Sequence[str], joinable: bool) -> list[str]:
    """Name rows without an image name, images outside of the folder, repeated ones that cannot be joined."""
    problems = [
        f"{part}: no image name in row {row}, counted from 0" for row, name in enumerate(ids) if not name
    ]
    leading_out = leads_out(folder, names_on_disk(folder, ids))
    outside = [name for name, out in zip(ids, leading_out, strict=True) if out]
    problems += [
        f"{part}: outside of the folder: {name}; copy it there and name it relative to {folder}"
        for name in outside
    ]
    if not joinable and len(set(ids)) < len(ids):
        problems.append(
            f"{part}: {len(ids) - len(set(ids))} image names are repeated; captions can be joined, tags not"
        )
    return problems


def _items(
    ids: Sequence[str], captions: Texts, indicators: np.ndarray, classes: Sequence[str]
) -> tuple[RawItem, ...]:
    """Put the items together, in the order of their first rows; those with the same id are joined."""
    gathered: dict[str, tuple[dict[str, None], np.ndarray]] = {}
    for name, texts, row in zip(ids, captions, indicators, strict=True):
        known, marked = gathered.setdefault(name, ({}, np.zeros(len(classes), dtype=bool)))
        known.update(dict.fromkeys(texts))
        marked |= row.astype(bool)
    return tuple(
        RawItem(name, tuple(texts), tuple(compress(classes, marked)))
        for name, (texts, marked) in gathered.items()
    )


def _image_paths(folder: Path, items: Sequence[RawItem]) -> tuple[Path, ...]:
    return tuple(folder / name for name in names_on_disk(folder, [item.id for item in items]))


def _images(part: Part | None, count: int) -> PixelRows | np.ndarray | None:
    """Give pictures or vectors."""
    if part is None:
        return None
    if isinstance(part.value, MatVariable):
        return PixelRows(part.path, part.key, count)
    return finite_vectors(part.path, part.key, part.matrix(count))


def _tags(matrix: np.ndarray) -> np.ndarray:
    """Give a matrix of tags in its own type; logical ones as numbers."""
    return matrix.view(np.uint8) if matrix.dtype == bool else matrix


def _warnings(parts: Sequence[Part], count: int, beginning: str) -> tuple[str, ...]:
    lying = [
        f"{part}: has a column per item, and is turned"
        for part in parts
        if isinstance(part.value, np.ndarray) and len(part.value) != count
    ]
    cut = [f"{parts[-1].path.name}: image names are read without '{beginning}'"] if beginning else []
    files = {part.path: {one.key for one in parts if one.path == part.path} for part in parts}
    unread = [
        line for path, used in files.items() if path.suffix == ".mat" for line in unread_variables(path, used)
    ]
    return (*lying, *cut, *unread)
