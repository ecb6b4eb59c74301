"""WebDataset shards: tar files whose members are grouped by item, with an index of counts and checksums.

`webdataset` writes and reads them. It encodes and decodes nothing: some of its handlers pickle, and the size
of an item must be known before it is written. It loads torch, so it is imported only where a shard is written
or read.
"""

from __future__ import annotations

import hashlib
import io
import json
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
        for entry in _write_part(target, part, map(_sample, items), shard_mb * 1e6)
    ]
    write_json(target / INDEX, {"shards": shards})


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
    shards = read_json(folder / FOLDER / INDEX)["shards"]
    shard = next(shard for shard in shards if shard["name"] == name)
    count = 0
    try:
        # A tar that is cut between members, or has a damaged header, would end early without a word.
        if _sha256(path) != shard["sha256"]:
            raise _damaged(path, f"differs from its checksum in {INDEX}")
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


Sample = dict[str, Any]  # `__key__`, and contents by the ending of the member's name


def _sample(item: Item) -> Sample:
    """Lay an item out as files; named by the row, since ids may hold dots and slashes."""
    text = {"id": item.id, "captions": item.captions, "labels": item.labels}
    sample = {"__key__": f"{item.row:08d}", "json": json.dumps(text, ensure_ascii=False).encode()}
    if isinstance(item.image, bytes):
        sample["jpg"] = item.image
    else:
        sample["image.npy"] = _npy(item.image)
    if item.text is not None:
        sample["text.npy"] = _npy(item.text)
    return sample


def _item(sample: Sample) -> Item:
    texts: dict[str, Any] = json.loads(sample["json"])
    image = sample["jpg"] if "jpg" in sample else _vector(sample["image.npy"])
    text = _vector(sample["text.npy"]) if "text.npy" in sample else None
    row = int(sample["__key__"])
    return Item(row, texts["id"], image, tuple(texts["captions"]), text, tuple(texts["labels"]))


def _npy(vector: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, vector, allow_pickle=False)
    return buffer.getvalue()


def _vector(data: bytes) -> np.ndarray:
    vector: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    return vector


def _write_part(
    folder: Path, part: str, samples: Iterator[Sample], limit: float
) -> list[dict[str, str | int]]:
    """Write the shards of a part, each of at least one item and at most `limit` bytes; give their entries."""
    from webdataset import TarWriter

    shards: list[dict[str, str | int]] = []
    sample = next(samples, None)
    while sample is not None:
        path = folder / f"{part}-{len(shards):06d}.tar"
        count = size = 0
        with (
            path.open("wb") as file,
            # Without times, owners or anything else that differs between runs.
            TarWriter(file, encoder=False, user="", group="", mode=0o444, mtime=0) as tar,
        ):
            while sample is not None and (count == 0 or size + _size(sample) <= limit):
                tar.write(sample)
                tar.tarstream.members = []  # tarfile would keep every header in memory
                count += 1
                size += _size(sample)
                sample = next(samples, None)
        shards.append({"name": path.name, "part": part, "count": count, "sha256": _sha256(path)})
    return shards


def _size(sample: Sample) -> int:
    """Bytes in the tar: a block of 512 for each header, contents filled up to whole blocks."""
    return sum(512 + -(-len(data) // 512) * 512 for name, data in sample.items() if name != "__key__")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: Path, finding: str) -> CrosshashError:
    return CrosshashError(f"{path}: {finding}. Delete it and run `dvc repro convert`.")
