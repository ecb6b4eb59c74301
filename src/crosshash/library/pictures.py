"""Pictures of items, to be shown: read from the shards by their place, or from a collection's own files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from tarfile import BLOCKSIZE

from crosshash.artifacts import read_json
from crosshash.data.shards import FOLDER, INDEX
from crosshash.errors import CrosshashError


@dataclass(frozen=True)
class ShardPictures:
    """Pictures in the shards of a data set's folder, whose members are looked up at the first question."""

    folder: Path

    @property
    def there(self) -> bool:
        """Say whether there are shards."""
        return (self.folder / FOLDER / INDEX).is_file()

    def picture(self, row: int, item: str) -> bytes | None:
        """Give the JPEG of a row of the pair table; None unless the row is that item's and has one.

        Raises:
            CrosshashError: a shard is missing.
        """
        place = self._places.get(row)
        if place is None:
            return None
        shard, start = place
        path = self.folder / FOLDER / shard
        contents = {
            name.partition(".")[2]: _read(path, first, size)
            for name, first, size in islice(_members(path, start), 2)
        }
        try:  # the data set may have been converted anew since the index was made
            same = json.loads(contents["json"])["id"] == item
        except (ValueError, KeyError, TypeError):
            return None
        return contents.get("jpg") if same else None

    @cached_property
    def _places(self) -> dict[int, tuple[str, int]]:
        """Shard and first byte of each row that has a picture, which the item's .json follows."""
        places = {}
        for shard in read_json(self.folder / FOLDER / INDEX)["shards"]:
            for name, first, _ in _members(self.folder / FOLDER / shard["name"]):
                if name.endswith(".jpg"):
                    places[int(name[:-4])] = (shard["name"], first - BLOCKSIZE)
        return places


def _members(path: Path, start: int = 0) -> Iterator[tuple[str, int, int]]:
    """Yield name, first byte and size of the files of a shard from a header on, reading headers alone.

    tarfile takes many times as long, since it reads every field; shards have short names and plain files.
    """
    while (header := _read(path, start, BLOCKSIZE)).rstrip(b"\0"):
        try:
            name, size = header[:100].rstrip(b"\0").decode(), int(header[124:135], 8)
        except ValueError as error:
            raise _unreadable(path, error) from None
        yield name, start + BLOCKSIZE, size
        start += BLOCKSIZE * (1 + -(-size // BLOCKSIZE))


def _read(path: Path, start: int, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return os.pread(file.fileno(), size, start)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> CrosshashError:
    return CrosshashError(f"{path}: cannot be read ({error}). Run `dvc repro convert`.")
