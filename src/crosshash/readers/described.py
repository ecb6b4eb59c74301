"""Readers described as plain values: how a raw value becomes what a network takes, without the network."""

from __future__ import annotations

from typing import Any

from crosshash.errors import CrosshashError
from crosshash.protocols import Prepare
from crosshash.readers.pictures import image_reader
from crosshash.readers.tokens import clip_reader, hf_reader
from crosshash.readers.words import bag_reader, vector_reader

Described = dict[str, Any]


def reader_of(described: Described) -> Prepare:
    """Make a reader: `kind` is vectors, pictures, words, tokens or clip_tokens; the rest are its settings.

    Raises:
        CrosshashError: there is no such kind.
    """
    kind = described["kind"]
    if kind == "vectors":
        return vector_reader
    if kind == "pictures":
        return image_reader(
            described["size"], described["resize"], described["interpolation"], described["share"]
        )
    if kind == "words":
        return bag_reader(described["vocabulary"])
    if kind == "tokens":
        return hf_reader(described)
    if kind == "clip_tokens":
        return clip_reader(described)
    raise CrosshashError(f"there is no reader of {kind}.")
