"""pairs.csv: one image, caption and labels per row; rows of the same image are one item."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from crosshash.errors import CrosshashError, listed
from crosshash.formats.spelling import as_seen, composed
from crosshash.pairs.source import RawItem

NAME = "pairs.csv"
COLUMNS = ("image", "caption", "labels")
LONGEST_CELL = 2**31 - 1

QUOTES = "Put texts with commas, quotes or line ends between double quotes, and double the quotes inside."
PICTURES = (
    "Name a picture in each row; captions without one train nothing, `crosshash encode` adds them to what a "
    "trained model searches."
)


@dataclass
class Gathered:
    """What the rows of one image have said so far; the keys are in order of appearance."""

    captions: dict[str, None] = field(default_factory=dict)
    labels: dict[str, None] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)


def read_pairs_csv(path: Path, captions_alone: bool = False) -> tuple[RawItem, ...]:
    """Read the items in the order of their first rows; captions and labels of an image's rows are joined.

    Rows are counted as spreadsheets do: the header is row 1. Cells lose surrounding blanks, an empty
    caption is none, labels are split at `;`, a repeated caption or label of an item counts once. Labels that
    look the same are one, and so are names of images, with slashes or backslashes. Columns other than image,
    caption and labels are ignored. captions_alone: the image cell may be empty where there is a caption,
    which is then an item without id. There need be no column of labels if there is none besides the other
    two, which might hold labels under another name; under `captions_alone` whatever else there is.

    Raises:
        CrosshashError: the file is missing, empty, not UTF-8, lacks a column, or has rows that do not fit;
            all such rows are listed.
    """
    rows = _rows(path)
    header = [name.strip() for name in next(rows, (1, []))[1]]
    unlabelled = captions_alone or set(header) == set(COLUMNS[:2])
    cells = _columns(path, header, COLUMNS[:2] if unlabelled else COLUMNS, captions_alone)
    gathered: dict[tuple[str, str], Gathered] = {}
    problems, remedies = [], set()
    for number, row in rows:
        if len(row) != len(header):
            problems.append(f"row {number}: {len(row)} cells, the header has {len(header)}")
            remedies.add(QUOTES)
            continue
        image, caption, labels = ("" if cell is None else row[cell].strip() for cell in cells)
        alone = captions_alone and not image and bool(caption)
        if "\0" in image or not (image or alone):
            problems.append(f"row {number}: the image cell holds no file name")
            remedies.add("Give each row a picture or a caption." if captions_alone else PICTURES)
            continue
        item = gathered.setdefault(("", caption) if alone else (_image_name(image), ""), Gathered())
        item.rows.append(number)
        item.captions.update(dict.fromkeys([caption] if caption else []))
        item.labels.update(dict.fromkeys(name for part in labels.split(";") if (name := as_seen(part))))
    if problems:
        raise CrosshashError(
            f"{path}: {len(problems)} row(s) cannot be read:\n{listed(problems)}\n"
            + " ".join(sorted(remedies))
        )
    if not gathered:
        raise CrosshashError(f"{path}: has a header but no rows. Add a row per pair.")
    return tuple(
        RawItem(image, tuple(item.captions), tuple(item.labels), tuple(item.rows))
        for (image, _), item in gathered.items()
    )


def _image_name(cell: str) -> str:
    """Give an image's name in one spelling; backslashes, as Windows writes them, are slashes."""
    return str(PurePosixPath(composed(cell).replace("\\", "/")))


def _columns(
    path: Path, header: Sequence[str], needed: Sequence[str], captions_alone: bool
) -> list[int | None]:
    """Find the cells of image, caption and labels; None for a column that is absent and not needed."""
    if not header:
        raise CrosshashError(
            f"{path}: is empty. Its first row must be `{','.join(COLUMNS)}`, then a row per pair."
        )
    absent = [name for name in needed if name not in header]
    if absent:
        empty = "image or caption" if captions_alone else "caption and labels"
        raise CrosshashError(
            f"{path}: missing column(s) {', '.join(absent)}; found: {', '.join(header)}. The first row must "
            f"name {', '.join(needed)}, separated by commas; cells of {empty} may stay empty."
        )
    return [header.index(name) if name in header else None for name in COLUMNS]


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, with their numbers."""
    csv.field_size_limit(LONGEST_CELL)  # the default refuses captions above 128 kB
    number = 0
    try:
        for row in csv.reader(io.StringIO(_text(path), newline=""), strict=True):
            number += 1
            if row:
                yield number, row
    except csv.Error as error:
        raise CrosshashError(
            f"{path}: row {number + 1} cannot be read ({error}). Close every double quote, and double the "
            "quotes inside a quoted text."
        ) from None


def _text(path: Path) -> str:
    """Read the file as UTF-8, a byte order mark allowed."""
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except FileNotFoundError:
        raise CrosshashError(
            f"{path}: not found. Write it with the columns {', '.join(COLUMNS)}, a row per pair."
        ) from None
    except OSError as error:
        raise CrosshashError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        until_there = data[: error.start].decode() + "?"
        row = sum(1 for _ in csv.reader(io.StringIO(until_there, newline="")))
        raise CrosshashError(
            f"{path}: row {row} is not UTF-8 (byte {data[error.start]:#04x}). Save the file as UTF-8; "
            "spreadsheets call it `CSV UTF-8`."
        ) from None
