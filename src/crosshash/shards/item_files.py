"""An item of a shard as files: what they are called, hold, and take in a tar."""

from __future__ import annotations

import hashlib
import io
import json
import math
import struct
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from crosshash.checksums import DIGITS
from crosshash.formats.pieces import Piece
from crosshash.formats.stored_rows import StoredRow

FIRST = struct.Struct("<8sH")  # of a header of .npy: name and version, length of what follows


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a shard.

    row: of the pair table. image: JPEG bytes, float32[D] (before they are written, also where they lie), or
    None: there is none. text: float32[E] (before it is written any numbers), or None: captions.
    """

    row: int
    id: str
    image: bytes | Piece | StoredRow | np.ndarray | None
    captions: tuple[str, ...]
    text: StoredRow | np.ndarray | None
    labels: tuple[str, ...]


def members(item: Item) -> Iterator[tuple[str, bytes]]:
    """Lay an item out as files; named by the row, since ids may hold dots and slashes."""
    picture = item.image.read() if isinstance(item.image, Piece | StoredRow) else item.image
    if isinstance(picture, np.ndarray):
        yield "image.npy", _npy(picture)
    elif picture is not None:
        yield "jpg", picture
    yield "json", _json(item, hashlib.sha256(picture).hexdigest() if isinstance(picture, bytes) else None)
    if item.text is not None:
        text = item.text.read() if isinstance(item.text, StoredRow) else item.text
        yield "text.npy", _npy(text.astype(np.float32, copy=False))


def tar_size(item: Item) -> int:
    """Bytes in the tar: a block of 512 for each header, contents filled up to whole blocks."""
    sizes = [len(_json(item, DIGITS * "0" if isinstance(item.image, bytes | Piece) else None))]
    if isinstance(item.image, StoredRow):
        sizes.append(_npy_size(np.dtype(np.float32), item.image.shape))
    elif isinstance(item.image, np.ndarray):
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


Sample = Mapping[str, Any]
"""`__key__`, and contents by the ending of the name of the member, as webdataset has them."""


def read_sample(sample: Sample) -> Item:
    """Give the item that its files hold."""
    texts: dict[str, Any] = json.loads(sample["json"])
    image = sample.get("jpg")
    if "image.npy" in sample:
        image = _vector(sample["image.npy"])
    text = _vector(sample["text.npy"]) if "text.npy" in sample else None
    row = int(sample["__key__"])
    return Item(row, texts["id"], image, tuple(texts["captions"]), text, tuple(texts["labels"]))


def _npy(vector: np.ndarray) -> bytes:
    """Write a vector as numpy.save does, which takes longer to make the header than all the rest."""
    return _npy_header(vector.dtype, vector.shape) + vector.tobytes()


@cache
def _npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    buffer, like = io.BytesIO(), np.empty(shape, dtype)
    np.save(buffer, like, allow_pickle=False)
    return buffer.getvalue()[: -like.nbytes or None]


def _npy_size(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    return len(_npy_header(dtype, shape)) + math.prod(shape) * dtype.itemsize


def _vector(data: bytes) -> np.ndarray:
    """Read a vector; its header, which takes longer than all the rest, once for all of a kind."""
    end = FIRST.size + FIRST.unpack_from(data)[1]
    kind, shape = _header(data[:end])
    vector: np.ndarray = np.frombuffer(data, kind, offset=end).reshape(shape).copy()
    return vector


@lru_cache(maxsize=16)
def _header(header: bytes) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the header of .npy, version 1.0, as `_npy` writes it."""
    file = io.BytesIO(header)
    np.lib.format.read_magic(file)
    shape, _, kind = np.lib.format.read_array_header_1_0(file)
    if kind.hasobject:
        raise ValueError("arrays of Python objects are read with allow_pickle=False: not at all")
    return kind, shape
