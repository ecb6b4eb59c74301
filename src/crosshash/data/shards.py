"""WebDataset shards: tar files whose members are grouped by item, with an index of counts and checksums.

Written and read with the standard library: the format is plain tar, which `webdataset` reads as it is, and
importing that package would load torch into stages that have no use for it.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crosshash.artifacts import read_json, write_json
from crosshash.errors import CrosshashError

FOLDER = "shards"
INDEX = "index.json"


@dataclass(frozen=True)
class Item:
    """One item of a shard.

    row: of the pair table. image: JPEG bytes, or float32[D]. text: float32[E], or None: captions.
    """

    row: int
    id: str
    image: bytes | np.ndarray
    captions: tuple[str, ...]
    text: np.ndarray | None
    labels: tuple[str, ...]


def write_shards(folder: Path, parts: Mapping[str, Iterable[Item]], shard_mb: float) -> None:
    """Write `shards/` into the data set's folder: every part's items, at most `shard_mb` MB a file.

    Items stay in their order. A part without items has no shard. Equal items give equal bytes.
    """
    target = folder / FOLDER
    target.mkdir()
    shards = [
        entry
        for part, items in parts.items()
        for entry in _write_part(target, part, map(_members, items), shard_mb * 1e6)
    ]
    write_json(target / INDEX, {"shards": shards})


def shard_names(folder: Path, part: str) -> list[tuple[str, int]]:
    """List a part's shards with their counts of items, in order; none if the part is empty."""
    shards = read_json(folder / FOLDER / INDEX)["shards"]
    return [(shard["name"], shard["count"]) for shard in shards if shard["part"] == part]


def read_items(folder: Path, part: str) -> Iterator[Item]:
    """Read the items of a part (`query`, `train`, `val`, `rest`) of `data/<dataset>`, in the split's order.

    Raises:
        CrosshashError: a shard is missing, cut, or holds another number of items than its index says.
    """
    for name, _ in shard_names(folder, part):
        yield from read_shard(folder, name)


def read_shard(folder: Path, name: str) -> Iterator[Item]:
    """Read the items of one shard, in order.

    Raises:
        CrosshashError: the shard is missing, cut, or holds another number of items than its index says.
    """
    path = folder / FOLDER / name
    shards = read_json(folder / FOLDER / INDEX)["shards"]
    expected = next(shard["count"] for shard in shards if shard["name"] == name)
    count = 0
    try:
        for key, members in itertools.groupby(_read_tar(path), key=lambda member: member[0].split(".", 1)[0]):
            yield _item(key, {name.split(".", 1)[1]: data for name, data in members})
            count += 1
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise _damaged(path, f"cannot be read ({error})") from None
    if count != expected:
        raise _damaged(path, f"holds {count} items where {INDEX} says {expected}")


Members = list[tuple[str, bytes]]


def _members(item: Item) -> Members:
    """Lay an item out as files; named by the row, since ids may hold dots and slashes."""
    key = f"{item.row:08d}"
    text = {"id": item.id, "captions": item.captions, "labels": item.labels}
    members = [(f"{key}.json", json.dumps(text, ensure_ascii=False).encode())]
    if isinstance(item.image, bytes):
        members.append((f"{key}.jpg", item.image))
    else:
        members.append((f"{key}.image.npy", _npy(item.image)))
    if item.text is not None:
        members.append((f"{key}.text.npy", _npy(item.text)))
    return members


def _item(key: str, members: dict[str, bytes]) -> Item:
    texts: dict[str, Any] = json.loads(members["json"])
    image = members["jpg"] if "jpg" in members else _vector(members["image.npy"])
    text = _vector(members["text.npy"]) if "text.npy" in members else None
    return Item(int(key), texts["id"], image, tuple(texts["captions"]), text, tuple(texts["labels"]))


def _npy(vector: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, vector, allow_pickle=False)
    return buffer.getvalue()


def _vector(data: bytes) -> np.ndarray:
    vector: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    return vector


def _write_part(
    folder: Path, part: str, items: Iterable[Members], limit: float
) -> list[dict[str, str | int]]:
    """Write the shards of a part, each of at least one item and at most `limit` bytes; give their entries."""
    shards: list[dict[str, str | int]] = []
    rest = iter(items)
    members = next(rest, None)
    while members is not None:
        path = folder / f"{part}-{len(shards):06d}.tar"
        count = size = 0
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            while members is not None and (count == 0 or size + _size(members) <= limit):
                _add(tar, members)
                count += 1
                size += _size(members)
                members = next(rest, None)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        shards.append({"name": path.name, "part": part, "count": count, "sha256": digest})
    return shards


def _size(members: Members) -> int:
    """Bytes in the tar: a block of 512 for each header, contents filled up to whole blocks."""
    return sum(512 + -(-len(data) // 512) * 512 for _, data in members)


def _add(tar: tarfile.TarFile, members: Members) -> None:
    """Add an item's files without times, owners or anything else that differs between runs."""
    for name, data in members:
        header = tarfile.TarInfo(name)
        header.size = len(data)
        header.mode = 0o444
        tar.addfile(header, io.BytesIO(data))
    tar.members = []  # type: ignore[attr-defined]  # tarfile would keep every header in memory


def _read_tar(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r:") as tar:
        for header in tar:
            file = tar.extractfile(header)
            if file is not None:
                yield header.name, file.read()
            tar.members = []  # type: ignore[attr-defined]


def _damaged(path: Path, finding: str) -> CrosshashError:
    return CrosshashError(f"{path}: {finding}. Delete it and run `dvc repro convert`.")
