"""The tags of NUS-WIDE as published: a word list, a table of 0 and 1, or all tags of each photo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError, listed
from crosshash.formats.text_lines import byte_lines, text_lines


def read_words(path: Path) -> tuple[str, ...]:
    """Read TagList1k.txt: a tag per line, in the order of the columns of AllTags1k.txt.

    Raises:
        CrosshashError: it is empty, or a tag stands twice.
    """
    words = [line for line in text_lines(path) if line]
    repeated = sorted({word for word in words if words.count(word) > 1})
    refuse_lines(path, [f"'{word}' stands twice" for word in repeated], "Take the file as published.")
    if not words:
        raise CrosshashError(f"{path}: is empty. Take TagList1k.txt as published, a tag per line.")
    return tuple(words)


def common_captions(path: Path, vocabulary: Sequence[str], kept: NDArray[np.bool_]) -> list[tuple[str, ...]]:
    """Read AllTags1k.txt, a row of 0 and 1 per image, for the kept images; bool[N] says which.

    Rows are taken one at a time: the file has half a gigabyte.

    Raises:
        CrosshashError: another number of rows or columns, or other values.
    """
    captions: list[tuple[str, ...]] = []
    problems = []
    row = -1
    for row, (number, line) in enumerate(_filled(path)):
        values = line.split()
        flags = b"".join(values)
        if len(values) != len(vocabulary):
            problems.append(
                f"line {number}: {len(values)} values for {len(vocabulary)} tags in TagList1k.txt"
            )
        elif len(flags) != len(values) or flags.translate(None, b"01"):
            problems.append(f"line {number}: has values other than 0 and 1")
        elif row < len(kept) and kept[row]:
            columns = np.flatnonzero(np.frombuffer(flags, np.uint8) == ord("1")).tolist()
            captions.append(_caption([vocabulary[column] for column in columns]))
    _refuse_tags(path, problems, row + 1, len(kept))
    return captions


def all_captions(path: Path, names: Sequence[str], kept: NDArray[np.bool_]) -> list[tuple[str, ...]]:
    """Read All_Tags.txt, the photo id and then its tags, for the kept images; bool[N] says which.

    Raises:
        CrosshashError: another number of lines, or another order than that of the images.
    """
    captions: list[tuple[str, ...]] = []
    problems = []
    row = -1
    lines = ((number, line) for number, line in enumerate(text_lines(path), 1) if line)
    for row, (number, line) in enumerate(lines):
        photo, *tags = line.split()
        if row < len(names) and photo != _photo(names[row]):
            problems.append(f"line {number}: photo {photo}, but image {row + 1} is {names[row]}")
        elif row < len(names) and kept[row]:
            captions.append(_caption(tags))
    _refuse_tags(path, problems, row + 1, len(names))
    return captions


def check_photos(path: Path, names: Sequence[str]) -> None:
    """Compare the photo ids of All_Tags.txt with the images: the other files name none.

    Raises:
        CrosshashError: another number of lines, or another order than that of the images.
    """
    problems = []
    row = -1
    for row, (number, line) in enumerate(_filled(path)):
        photo = line.split(None, 1)[0].decode(errors="replace")
        if row < len(names) and photo != _photo(names[row]):
            problems.append(f"line {number}: photo {photo}, but image {row + 1} is {names[row]}")
    _refuse_tags(path, problems, row + 1, len(names))


def _photo(name: str) -> str:
    """Give the id of an image's photo."""
    return name.rpartition("_")[2].removesuffix(".jpg")


def _filled(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their numbers."""
    return ((number, line) for number, line in enumerate(byte_lines(path), 1) if not line.isspace())


def _caption(tags: Sequence[str]) -> tuple[str, ...]:
    return (" ".join(dict.fromkeys(tags)),) if tags else ()


def refuse_lines(path: Path, problems: Sequence[str], remedy: str) -> None:
    """Refuse a file for these of its lines, if there are any.

    Raises:
        CrosshashError: there are.
    """
    if problems:
        raise CrosshashError(f"{path}: {len(problems)} line(s) cannot be used:\n{listed(problems)}\n{remedy}")


def _refuse_tags(path: Path, problems: Sequence[str], found: int, count: int) -> None:
    refuse_lines(path, problems, "Take NUS_WID_Tags and ImageList of the same release.")
    if found != count:
        raise CrosshashError(
            f"{path}: {found} lines for {count} images in Imagelist.txt. Take NUS_WID_Tags and ImageList of "
            "the same release, uncut."
        )
