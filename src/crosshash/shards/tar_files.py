"""WebDataset shards: tar files whose members are grouped by item, with an index of counts and checksums.

Any program that knows tar reads them. Here they are read by the few fields that are written, after their
checksum was found right: webdataset 1.0, by way of tarfile, took six times as long for an item of vectors.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO

from crosshash.artifacts import missing, read_json, write_json
from crosshash.checksums import file_sha256
from crosshash.errors import CrosshashError
from crosshash.shards.item_files import Item, Sample, members, read_sample, tar_size
from crosshash.workers.processes import Worker, in_processes

FOLDER = "shards"
INDEX = "index.json"


def _plain_header() -> bytes:
    header = tarfile.TarInfo()
    header.mode = 0o444
    return header.tobuf(tarfile.USTAR_FORMAT)


HEADER = _plain_header()
"""Header of a file in a tar: no time, no owner, nothing yet that differs between members."""
NAME, SIZE = 100, slice(124, 135)
"""Where the name ends and the size stands in it: POSIX 1003.1, ustar."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard to be written."""

    name: str
    part: str
    items: Sequence[Item]


def write_shards(
    folder: Path, parts: Mapping[str, Iterable[Item]], shard_mb: float, crew: Sequence[Worker] = ()
) -> None:
    """Write `shards/` into the data set's folder: every part's items, at most `shard_mb` MB a file.

    Items stay in their order. A part without items has no shard. Equal items give equal bytes, whoever of
    the crew writes them. The items of a shard are gathered in memory: pictures should wait on disk.
    """
    target = folder / FOLDER
    target.mkdir()
    shards = _shards(parts, shard_mb * 1e6)
    entries = list(in_processes(crew, partial(_write_shard, target), shards))
    write_json(target / INDEX, {"shards": entries})


def shard_names(folder: Path, part: str) -> list[tuple[str, int]]:
    """List a part's shards with their counts of items, in order; none if the part is empty."""
    shards = _entries(folder).values()
    return [(shard["name"], shard["count"]) for shard in shards if shard["part"] == part]


def read_items(folder: Path, part: str) -> Iterator[Item]:
    """Read the items of a part (`query`, `train`, `val`, `rest`) of `data/<dataset>`, in the split's order.

    Raises:
        CrosshashError: a shard is missing, cut, or in any other way not what the index says.
    """
    for name, _ in shard_names(folder, part):
        yield from read_shard(folder, name)


def read_shard(folder: Path, name: str) -> Iterator[Item]:
    """Read the items of one shard, in order, when its checksum is right.

    Raises:
        CrosshashError: the shard is missing, cut, or in any other way not what the index says.
    """
    path = folder / FOLDER / name
    # A tar that is cut between members, or has a damaged header, would end early without a word.
    shard = check_shard(folder, name)
    count = 0
    try:
        with path.open("rb") as file:
            for sample in _samples(file):
                yield read_sample(sample)
                count += 1
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from None
    if count != shard["count"]:
        raise _damaged(path, f"holds {count} items where {INDEX} says {shard['count']}")


def check_shard(folder: Path, name: str) -> dict[str, Any]:
    """Compare a shard with its checksum; gives what the index says of it.

    Raises:
        CrosshashError: the shard is missing, or cut or damaged.
    """
    path = folder / FOLDER / name
    entry = _entries(folder).get(name)
    if entry is None:
        raise CrosshashError(f"{path}: {INDEX} knows no such shard. Run `dvc repro convert`.")
    try:
        if file_sha256(path) != entry["sha256"]:
            raise _damaged(path, f"differs from its checksum in {INDEX}")
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from None
    return entry


def _entries(folder: Path) -> dict[str, dict[str, Any]]:
    """What the index says of each shard, by name in order; a file that stays as it is is parsed once."""
    path = (folder / FOLDER / INDEX).absolute()
    try:
        found = path.stat()
    except OSError:
        raise missing(path) from None
    return _read_index(path, (found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=4)
def _read_index(path: Path, stamp: tuple[int, ...]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in read_json(path)["shards"]}


def _shards(parts: Mapping[str, Iterable[Item]], limit: float) -> Iterator[Shard]:
    """Deal the items of each part out to shards of at least one item and at most `limit` bytes."""
    for part, items in parts.items():
        held: list[Item] = []
        number = size = 0
        for item in items:
            more = tar_size(item)
            if held and size + more > limit:
                yield Shard(f"{part}-{number:06d}.tar", part, held)
                held, number, size = [], number + 1, 0
            held.append(item)
            size += more
        if held:
            yield Shard(f"{part}-{number:06d}.tar", part, held)


def _write_shard(folder: Path, shard: Shard) -> dict[str, str | int]:
    """Write a tar file and give its entry of the index."""
    digest = hashlib.sha256()
    size = 0
    with (folder / shard.name).open("wb") as file:
        for data in _tar(shard.items):
            file.write(data)
            digest.update(data)
            size += len(data)
        end = bytes(2 * tarfile.BLOCKSIZE)
        end += bytes(-(size + len(end)) % tarfile.RECORDSIZE)
        file.write(end)
        digest.update(end)
    return {
        "name": shard.name,
        "part": shard.part,
        "count": len(shard.items),
        "sha256": digest.hexdigest(),
    }


def _tar(items: Iterable[Item]) -> Iterator[bytes]:
    """Give the bytes of a tar file, item by item: headers without times, owners or names of anybody."""
    for item in items:
        blocks = []
        for name, data in members(item):
            header = _header(f"{item.row:08d}.{name}".encode(), len(data))
            blocks += [header, data, bytes(-len(data) % tarfile.BLOCKSIZE)]
        yield b"".join(blocks)


def _samples(file: BinaryIO) -> Iterator[Sample]:
    """Read the members of a tar that `_tar` laid out, item by item: contents by the ending of their name."""
    sample: dict[str, Any] = {}
    while name := (header := file.read(tarfile.BLOCKSIZE))[:NAME].rstrip(b"\0"):
        key, _, ending = name.decode().partition(".")
        if sample and sample["__key__"] != key:
            yield sample
            sample = {}
        size = int(header[SIZE], 8)
        data = file.read(size + -size % tarfile.BLOCKSIZE)
        sample |= {"__key__": key, ending: data[:size]}
    if sample:
        yield sample


def _header(name: bytes, size: int) -> bytes:
    """Fill name, size and checksum into a header of tarfile, which takes several times as long for each."""
    header = bytearray(HEADER)
    header[: len(name)] = name
    header[SIZE] = b"%011o" % size
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\x00" % sum(header)
    return bytes(header)


def _damaged(path: Path, finding: str) -> CrosshashError:
    return CrosshashError(f"{path}: {finding}. Delete it and run `dvc repro convert`.")
