"""What must hold for the items of any data set, looked at before the split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from crosshash.errors import CrosshashError, listed
from crosshash.formats.pixel_rows import PixelRows
from crosshash.pairs.source import RawItem, RawItems


def check_items(dataset: str, source: RawItems) -> None:
    """See that ids are unique, labels are classes, and images and texts have a row per item.

    Raises:
        CrosshashError: one of these does not hold (all that is wrong is listed), or there is no item.
    """
    if not source.items:
        raise CrosshashError(
            f"{dataset}: not one usable pair was found. See that its files of images, texts and labels "
            "belong together and name the same items."
        )
    items, classes, words = source.items, source.classes, source.vocabulary or ()
    problems = [
        *(f"item {_name(items[row])} stands twice" for row in _repeated([item.id for item in items])),
        *(f"class '{classes[number]}' stands twice" for number in _repeated(classes)),
        *(f"published word '{words[number]}' stands twice" for number in _repeated(words)),
        *(f"published word '{word}' is empty or holds a blank" for word in words if word.split() != [word]),
        *_foreign_labels(source),
        *_other_lengths(source),
    ]
    if problems:
        raise CrosshashError(
            f"{dataset}: {len(problems)} problem(s) with its items:\n{listed(problems)}\n"
            "Mend its files, or take them as they were published; docs/data.md says what they must hold."
        )


def _repeated(names: Sequence[str]) -> Iterator[int]:
    """Give the places of names that stood before."""
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            yield place
        seen.add(name)


def _foreign_labels(source: RawItems) -> list[str]:
    """Name the items whose labels are no classes."""
    classes = set(source.classes)
    if classes.issuperset(chain.from_iterable(item.labels for item in source.items)):
        return []
    return [
        f"item {_name(item)}: label '{label}' is none of the {len(classes)} classes"
        for item in source.items
        for label in item.labels
        if label not in classes
    ]


def _name(item: RawItem) -> str:
    return f"'{item.id}'" + (f" (row {', '.join(map(str, item.rows))})" if item.rows else "")


def _other_lengths(source: RawItems) -> list[str]:
    """Name the arrays that are not number[N, D], and lists of images of another length."""
    count, problems = len(source.items), []
    for name, value in (("images", source.images), ("texts", source.text)):
        if isinstance(value, np.ndarray) and (value.ndim != 2 or value.dtype.kind not in "biuf"):
            problems.append(f"{name} must be numbers [N, D], not {value.dtype}{list(value.shape)}")
        rows = value.count if isinstance(value, PixelRows) else count if value is None else len(value)
        if rows != count:
            problems.append(f"{rows} {name} for {count} items")
    return problems
