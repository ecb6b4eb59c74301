"""Captions and labels as JSON and parquet hold them: one or several, texts or numbers, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from crosshash.formats.spelling import as_seen

NO_CLASS = -1
"""What Hugging Face's ClassLabel writes for an item whose class is not known."""


def texts_of(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever the file holds
    """Give the texts of a value, without blanks around them; empty and repeated ones do not count.

    Raises:
        ValueError: something else than texts, lists of them and nothing.
    """
    texts = []
    for one in _single(value):
        if not isinstance(one, str):
            raise ValueError(f"{one!r} where a text must stand")
        texts.append(one.strip())
    return tuple(dict.fromkeys(filter(None, texts)))


def labels_of(value: Any, names: Sequence[str] = ()) -> tuple[str, ...]:  # noqa: ANN401 - whatever the file holds
    """Give the labels of a value, as `as_seen` spells them; texts are split at `;`, as in pairs.csv.

    A whole number stands for one of `names`, if there are any, else for itself.

    Raises:
        ValueError: something else than texts, whole numbers, lists of them and nothing; a number without a
            name where there are names.
    """
    found = (label for one in _single(value) for label in _labels(one, names))
    return tuple(dict.fromkeys(filter(None, found)))


def in_order(labels: Iterable[str], names: Sequence[str] = ()) -> tuple[str, ...]:
    """Put the labels that occur in an order: that of `names`, else by number, else as text."""
    found = set(labels)
    if found <= set(names):
        return tuple(name for name in names if name in found)
    return tuple(sorted(found, key=int if all(map(_is_number, found)) else str))


def _labels(value: object, names: Sequence[str]) -> list[str]:
    if isinstance(value, str):
        return [as_seen(part) for part in value.split(";")]
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} where a text or a whole number must stand")
    if not names:
        return [str(value)]
    if value == NO_CLASS:
        return []
    if not 0 <= value < len(names):
        raise ValueError(f"number {value}, but the file names {len(names)} classes, from 0 on")
    return [names[value]]


def _single(value: object) -> Iterator[object]:
    """Take lists apart, however deep; nothing is left out."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _single(one)
    elif value is not None:
        yield value


def _is_number(label: str) -> bool:
    return label.isascii() and label.removeprefix("-").isdigit()
