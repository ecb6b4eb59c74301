"""pairs.csv of one's own pictures; read again by Python's csv module, row by row."""

from __future__ import annotations

import csv
import io
import random
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Literal

from crosshash.datasets import custom
from faults.fuzzed.given import Given, MeaninglessError, damaged

NAMES = ("1.jpg", "photos/2.jpg", "caf\u00e9.jpg", "cafe\u0301.jpg", "a b.png", "photos\\3.jpg", "./1.jpg")
CAPTIONS = (
    *(
        "a red circle",
        "",
        " blanks around ",
        'a "quoted" word',
        "commas, two, of them",
        "two\nlines",
        "\u30ab\u30e1\u30e9",
    ),
    *("semi;colon", "\u202eleft", "x" * 300, "=1+1", "nan", "#"),
)
LABELS = (
    "circle",
    "circle;star",
    "",
    ";",
    " star ; circle ",
    "caf\u00e9;cafe\u0301",
    "a\u00a0b;a b",
    "1;2;3",
)
CELLS = (
    *(
        "",
        " ",
        "../1.jpg",
        "/etc/passwd",
        "photos/../../1.jpg",
        ".",
        "\0",
        '"',
        "\r",
        "\ufeff",
        "a\nb",
        "image",
    ),
    *("C:\\1.jpg", "photos/", "~", "%2e%2e/", "con"),
)
INVISIBLE = "\u00ad\u200b\u200e\u200f\u2060\ufeff"


def make(dice: random.Random, folder: Path) -> Given:
    """Write a list in one of the ways that programs write it; then often a wrong cell, row or byte."""
    place = folder / "set"
    place.mkdir(exist_ok=True)
    columns = dice.sample(["image", "caption", "labels", "more"], 4)[: dice.choice((4, 4, 4, 3))]
    rows = [columns]
    for _ in range(dice.randrange(1, 9)):
        cells = {"image": dice.choice(NAMES), "caption": dice.choice(CAPTIONS), "labels": dice.choice(LABELS)}
        rows.append([cells.get(name, "something") for name in columns])
    told = []
    if dice.random() < 0.3:
        row = dice.choice(rows)
        row[dice.randrange(len(row))] = told_cell = dice.choice(CELLS)
        told.append(f"cell {told_cell!r}")
    if dice.random() < 0.1:
        row = dice.choice(rows)
        told.append("a cell more or less")
        row.append("more") if dice.random() < 0.5 else row.pop()
    data = _written(rows, dice)
    if dice.random() < 0.5:
        data = damaged(data, dice)
        told.append("bytes")
    path = place / "pairs.csv"
    path.write_bytes(data)
    return Given(f"{', '.join(told) or 'right'}: {data[:200]!r}", lambda: _read(place), lambda: _meant(path))


def _written(rows: list[list[str]], dice: random.Random) -> bytes:
    text = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if dice.random() < 0.5 else csv.QUOTE_MINIMAL
    csv.writer(text, quoting=quoting, lineterminator=dice.choice(("\n", "\r\n"))).writerows(rows)
    return text.getvalue().encode(dice.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig")))


def _read(place: Path) -> object:
    custom.fetch(Path("raw"), str(place))
    return [(item.id, item.captions, item.labels) for item in custom.read(Path("raw"), str(place)).items]


def _meant(path: Path) -> object:
    """Join the rows of an image; names and labels that look the same are the same."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (ValueError, csv.Error) as error:
        raise MeaninglessError(str(error)) from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    if not {"image", "caption", "labels"} <= set(header) or any(len(row) != len(header) for row in rows):
        raise MeaninglessError("no table")
    items: dict[str, tuple[list[str], list[str]]] = {}
    for row in rows[1:]:
        image, caption, labels = (row[header.index(name)].strip() for name in ("image", "caption", "labels"))
        name = str(PurePosixPath(unicodedata.normalize("NFC", image).replace("\\", "/")))
        if not image or name.startswith("/") or ".." in PurePosixPath(name).parts:
            raise MeaninglessError("no image of the folder")
        captions, classes = items.setdefault(name, ([], []))
        captions += [caption] if caption and caption not in captions else []
        for label in map(_as_seen, labels.split(";")):
            classes += [label] if label and label not in classes else []
    return [(name, tuple(captions), tuple(classes)) for name, (captions, classes) in items.items()]


def _as_seen(label: str) -> str:
    visible = "".join(letter for letter in unicodedata.normalize("NFC", label) if letter not in INVISIBLE)
    return " ".join(visible.split())
