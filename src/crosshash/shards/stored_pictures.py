"""Pictures of items, to be shown: read from the shards by their place, or from a collection's own files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from tarfile import BLOCKSIZE
from typing import BinaryIO

from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError
from crosshash.shards.tar_files import FOLDER, INDEX, check_shard


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
            CrosshashError: a shard is missing or damaged.
        """
        places, damaged = self._places
        if row not in places:
            if damaged:  # the row may be in there
                raise CrosshashError(damaged[0])
            return None
        shard, start = places[row]
        with _opened(self.folder / FOLDER / shard) as file:
            found, state = _picture_of(file, start, item), os.fstat(file.fileno())
        if found is None:  # because of damage, or the data set was converted anew since the index was made
            _check_state(self.folder, shard, state.st_ino, state.st_mtime_ns)
        return found

    @cached_property
    def _places(self) -> tuple[dict[int, tuple[str, int]], list[str]]:
        """Shard and first byte of each row that has a picture, which the item's .json follows.

        Then what is wrong with shards that cannot be looked through to their end.
        """
        places: dict[int, tuple[str, int]] = {}
        damaged = []
        for shard in read_json(self.folder / FOLDER / INDEX)["shards"]:
            path, items = self.folder / FOLDER / shard["name"], 0
            try:
                with _opened(path) as file:
                    for name, first, _ in _members(file):
                        items += name.endswith(".json")
                        if name.endswith(".jpg"):
                            places[int(name[:-4])] = (shard["name"], first - BLOCKSIZE)
                    if items != shard["count"]:
                        raise ValueError(f"{items} items, {INDEX} says {shard['count']}")
            except CrosshashError as error:
                damaged.append(str(error))
        return places, damaged


@lru_cache(maxsize=256)
def _check_state(folder: Path, shard: str, *_state: int) -> None:
    """Compare a shard with its checksum; one that is whole is not read again for each of its pictures."""
    check_shard(folder, shard)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a shard, without a buffer: what is read lies far apart.

    Raises:
        CrosshashError: it is not there, or holds something else than a shard.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            yield file
    except (OSError, ValueError) as error:
        raise CrosshashError(f"{path}: cannot be read ({error}). Run `dvc repro convert`.") from None


def _picture_of(file: BinaryIO, start: int, item: str) -> bytes | None:
    """Read the picture at a place; None unless it is whole and the item's, by the .json that follows it."""
    try:
        contents = {
            name.partition(".")[2]: _bytes(file, first, size)
            for name, first, size in islice(_members(file, start), 2)
        }
        known, picture = json.loads(contents["json"]), contents["jpg"]
        same = known["id"] == item and known["sha256"] == hashlib.sha256(picture).hexdigest()
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    return picture if same else None


def _members(file: BinaryIO, start: int = 0) -> Iterator[tuple[str, int, int]]:
    """Yield name, first byte and size of the files of a shard from a header on, reading headers alone.

    tarfile takes many times as long, since it reads every field; shards have short names and plain files.

    Raises:
        ValueError: a header is damaged: its own checksum, the sum of its bytes, says so.
    """
    while (header := _bytes(file, start, BLOCKSIZE)).rstrip(b"\0"):
        if sum(header) - sum(header[148:156]) + 8 * ord(" ") != int(header[148:154], 8):
            raise ValueError(f"a damaged header at byte {start}")
        name, size = header[:100].rstrip(b"\0").decode(), int(header[124:135], 8)
        yield name, start + BLOCKSIZE, size
        start += BLOCKSIZE * (1 + -(-size // BLOCKSIZE))


def _bytes(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)
