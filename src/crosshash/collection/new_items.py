"""Additions become codes: pictures are checked and kept first, all of them, then the networks run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_npz, write_npz
from crosshash.checksums import is_sealed
from crosshash.codes.quantiser import Codebook
from crosshash.collection.additions import Addition
from crosshash.collection.own_pictures import store_picture
from crosshash.inference.encoding import item_means
from crosshash.protocols import Quantising
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.search.decoding import BadPicture, read_picture
from crosshash.search.encoder import BATCH, Encoder
from crosshash.search.folders.own_picture import read_own_picture
from crosshash.search.trained import TrainedEncoder
from crosshash.workers.progress import counted, tracked
from crosshash.workers.threads import in_threads
from crosshash.workers.unfinished import work_folder
from crosshash.workers.units import begin

BLOCK = 4 * BATCH
"""Items whose codes are kept together while others are encoded."""


@dataclass(frozen=True)
class Ready:
    """An addition that was checked: the name of its picture (empty: it has none), digest of its content."""

    addition: Addition
    picture: str
    content: str


@dataclass(frozen=True)
class NewCodes:
    """Codes of N new items, by modality.

    packed: uint8[N, ceil(K/8)]; has: bool[N], where there is a picture or a caption; words: int64[N, M] of
    methods that quantise. Where `has` is false, the others mean nothing.
    """

    packed: dict[Modality, NDArray[np.uint8]]
    has: dict[Modality, NDArray[np.bool_]]
    words: dict[Modality, NDArray[np.int64]] | None


def check_additions(
    encoder: Encoder, additions: Sequence[Addition], known: Mapping[str, str], collection: Path
) -> tuple[list[Ready], int, list[str]]:
    """Open every picture and keep it in the collection, unless the item is there with the same content.

    known: digests of the items by id. Gives what is new or changed, how many are unchanged, and a line for
    each bad picture.
    """

    def opened(addition: Addition) -> tuple[Addition, str, bytes | BadPicture | None]:
        try:
            given = addition.picture or b""
            data = given if isinstance(given, bytes) else read_picture(given)
            content = addition.digest(data)
            if known.get(addition.id) == content or addition.picture is None:
                return addition, content, None
            return addition, content, encoder.clean_picture(data)
        except BadPicture as error:
            return addition, "", error

    ready, bad, unchanged = [], [], 0
    for addition, content, found in tracked(
        in_threads(opened, additions), len(additions), "checked", "items"
    ):
        if isinstance(found, BadPicture):
            bad.append(f"{addition.id}: {found}")
        elif known.get(addition.id) == content:
            unchanged += 1
        else:
            ready.append(Ready(addition, store_picture(collection, found) if found else "", content))
    return ready, unchanged, bad


def block_folder(
    encoder: Encoder, collection: Path, caption: Literal["first", "all"], work: str = "encode"
) -> Path:
    """Name the folder of blocks of codes that wait until all are there; work: what is done, in a word."""
    made_by = json.dumps(encoder.description, sort_keys=True)
    return work_folder((), work, str(collection.resolve()), made_by, caption)


def encode_ready(
    encoder: TrainedEncoder,
    ready: Sequence[Ready],
    collection: Path,
    caption: Literal["first", "all"],
    state: Path,
) -> NewCodes:
    """Run the networks, a batch of items at a time; `caption`: what of several captions counts.

    state: a folder where each block of items leaves its codes, so that a call that was stopped goes on with
    the next; only codes of delivered length are kept in memory.

    Raises:
        CrosshashError: blocks stand there that were made with other versions of torch or the like.
    """
    begin(state)
    blocks = []
    with counted(len(ready), "encoded", "items") as advance:
        for start in range(0, len(ready), BLOCK):
            block = ready[start : start + BLOCK]
            contents = "\n".join(one.content for one in block)
            path = state / f"{hashlib.sha256(contents.encode()).hexdigest()}.npz"
            if not is_sealed(path):
                write_npz(path, _encoded(encoder, block, collection, caption), packed=False)
            advance(len(block))
            blocks.append(read_npz(path))
    whole = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    packed, has, words = (
        {one: whole[f"{kind}_{one}"] for one in MODALITIES if f"{kind}_{one}" in whole}
        for kind in ("packed", "has", "words")
    )
    return NewCodes(packed, has, words or None)


def _encoded(
    encoder: TrainedEncoder, block: Sequence[Ready], collection: Path, caption: Literal["first", "all"]
) -> dict[str, NDArray[Any]]:
    """Give the arrays of a block: `packed_image`, `has_text` and so on."""
    parts = []
    items = iter(block)
    while chunk := list(islice(items, BATCH)):
        texts = [one.addition.captions[: 1 if caption == "first" else None] for one in chunk]
        soft: dict[Modality, NDArray[np.float16]] = {
            "image": _soft_images(encoder, chunk, collection),
            "text": _soft_texts(encoder, texts),
        }
        has: dict[Modality, NDArray[np.bool_]] = {
            "image": np.array([bool(one.picture) for one in chunk]),
            "text": np.array([bool(one.addition.captions) for one in chunk]),
        }
        packed = {one: encoder.packed(values).codes for one, values in soft.items()}
        words = _words(encoder, soft, has) or {}
        of: dict[str, Mapping[Modality, NDArray[Any]]] = {"packed": packed, "has": has, "words": words}
        parts.append({f"{kind}_{one}": arrays[one] for kind, arrays in of.items() for one in arrays})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _soft_texts(encoder: Encoder, texts: Sequence[Sequence[str]]) -> NDArray[np.float16]:
    """Encode the captions of items: the mean of each, zero for items without."""
    flat = [text for captions in texts for text in captions]
    none = np.zeros((0, encoder.facts.train_bits), np.float16)
    soft = encoder.soft("text", flat) if flat else none
    return item_means(soft, [len(captions) for captions in texts])


def _soft_images(encoder: Encoder, chunk: Sequence[Ready], collection: Path) -> NDArray[np.float16]:
    """Encode the kept pictures: float16[N, train_bits], zero for items without."""
    soft = np.zeros((len(chunk), encoder.facts.train_bits), np.float16)
    rows = [row for row, one in enumerate(chunk) if one.picture]
    if rows:
        jpegs = [read_own_picture(collection, chunk[row].picture) for row in rows]
        soft[rows] = encoder.soft("image", jpegs)
    return soft


def _words(
    encoder: TrainedEncoder,
    vectors: Mapping[Modality, NDArray[np.float16]],
    has: Mapping[Modality, NDArray[np.bool_]],
) -> dict[Modality, NDArray[np.int64]] | None:
    """Find the words of the vectors, as the encode stage does."""
    method = encoder.model.method
    if not isinstance(method, Quantising):
        return None
    book = Codebook(method.dictionaries().cpu().numpy())
    known = method.known_words().cpu().numpy().astype(np.int64)
    words: dict[Modality, NDArray[np.int64]] = {}
    for modality, values in vectors.items():
        words[modality] = np.zeros((len(values), len(book.dictionaries)), np.int64)
        if has[modality].any():
            words[modality][has[modality]] = book.encode(values[has[modality]].astype(np.float32), known)
    return words
