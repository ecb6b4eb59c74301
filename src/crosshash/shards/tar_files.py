"""WebDataset shards: tar files whose members are grouped by item, with an index of counts and checksums.

They are written by tarfile; `webdataset`, which reads them, loads torch. It decodes nothing here, since some
of its handlers pickle.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from crosshash.artifacts import read_json, write_json
from crosshash.checksums import DIGITS
from crosshash.errors import CrosshashError
from crosshash.shards.spool import Piece
from crosshash.workers.processes import Worker, in_processes

FOLDER = "shards"
INDEX = "index.json"


def _plain_header() -> bytes:
    header = tarfile.TarInfo()
    header.mode = 0o444
    return header.tobuf(tarfile.USTAR_FORMAT)


HEADER = _plain_header()
"""Header of a file in a tar: no time, no owner, nothing yet that differs between members."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a shard.

    row: of the pair table. image: JPEG bytes (before they are written, also where they lie), float32[D], or
    None: there is none. text: float32[E] (before it is written any numbers), or None: captions.
    """

    row: int
    id: str
    image: bytes | Piece | np.ndarray | None
    captions: tuple[str, ...]
    text: np.ndarray | None
    labels: tuple[str, ...]


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
    shards = read_json(folder / FOLDER / INDEX)["shards"]
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
    from webdataset.tariterators import group_by_keys, tar_file_expander

    path = folder / FOLDER / name
    # A tar that is cut between members, or has a damaged header, would end early without a word.
    shard = check_shard(folder, name)
    count = 0
    try:
        with path.open("rb") as file:
            # The tar reading stages of webdataset.WebDataset; its others take paths for URLs, deal the shards
            # out to workers and heed variables of the environment.
            for sample in group_by_keys(tar_file_expander([{"url": name, "stream": file}])):
                yield _item(sample)
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
    entries: list[dict[str, Any]] = read_json(folder / FOLDER / INDEX)["shards"]
    entry = next((entry for entry in entries if entry["name"] == name), None)
    if entry is None:
        raise CrosshashError(f"{path}: {INDEX} knows no such shard. Run `dvc repro convert`.")
    try:
        if _sha256(path) != entry["sha256"]:
            raise _damaged(path, f"differs from its checksum in {INDEX}")
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from None
    return entry


def _shards(parts: Mapping[str, Iterable[Item]], limit: float) -> Iterator[Shard]:
    """Deal the items of each part out to shards of at least one item and at most `limit` bytes."""
    for part, items in parts.items():
        held: list[Item] = []
        number = size = 0
        for item in items:
            more = _size(item)
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
        for name, data in _members(item):
            header = _header(f"{item.row:08d}.{name}".encode(), len(data))
            blocks += [header, data, bytes(-len(data) % tarfile.BLOCKSIZE)]
        yield b"".join(blocks)


def _header(name: bytes, size: int) -> bytes:
    """Fill name, size and checksum into a header of tarfile, which takes several times as long for each."""
    header = bytearray(HEADER)
    header[: len(name)] = name
    header[124:135] = b"%011o" % size
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\x00" % sum(header)
    return bytes(header)


def _members(item: Item) -> Iterator[tuple[str, bytes]]:
    """Lay an item out as files; named by the row, since ids may hold dots and slashes."""
    picture = item.image.read() if isinstance(item.image, Piece) else item.image
    if isinstance(picture, np.ndarray):
        yield "image.npy", _npy(picture)
    elif picture is not None:
        yield "jpg", picture
    yield "json", _json(item, hashlib.sha256(picture).hexdigest() if isinstance(picture, bytes) else None)
    if item.text is not None:
        yield "text.npy", _npy(item.text.astype(np.float32, copy=False))


def _size(item: Item) -> int:
    """Bytes in the tar: a block of 512 for each header, contents filled up to whole blocks."""
    sizes = [len(_json(item, DIGITS * "0" if isinstance(item.image, bytes | Piece) else None))]
    if isinstance(item.image, np.ndarray):
        sizes.append(_npy_size(item.image.dtype, item.image.shape))
    elif item.image is not None:
        sizes.append(item.image.size if isinstance(item.image, Piece) else len(item.image))
    if item.text is not None:
        sizes.append(_npy_size(np.dtype(np.float32), item.text.shape))
    return sum(tarfile.BLOCKSIZE * (1 + -(-size // tarfile.BLOCKSIZE)) for size in sizes)


def _json(item: Item, sha256: str | None) -> bytes:
    """Write what is known of an item; with the sha256 of its picture, which is read alone by the service."""
    text: dict[str, Any] = {"id": item.id, "captions": item.captions, "labels": item.labels}
    if sha256 is not None:
        text["sha256"] = sha256
    return json.dumps(text, ensure_ascii=False).encode()


Sample = Mapping[str, Any]  # from webdataset: `__key__`, and contents by the ending of the member's name


def _item(sample: Sample) -> Item:
    texts: dict[str, Any] = json.loads(sample["json"])
    image = sample.get("jpg")
    if "image.npy" in sample:
        image = _vector(sample["image.npy"])
    text = _vector(sample["text.npy"]) if "text.npy" in sample else None
    row = int(sample["__key__"])
    return Item(row, texts["id"], image, tuple(texts["captions"]), text, tuple(texts["labels"]))


def _npy(vector: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, vector, allow_pickle=False)
    return buffer.getvalue()


@cache
def _npy_size(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    return len(_npy(np.empty(shape, dtype)))


def _vector(data: bytes) -> np.ndarray:
    vector: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    return vector


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: Path, finding: str) -> CrosshashError:
    return CrosshashError(f"{path}: {finding}. Delete it and run `dvc repro convert`.")
