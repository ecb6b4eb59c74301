"""Items that were checked become codes: a block of them is a unit of work, which leaves a file of codes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from crosshash.artifacts import read_npz, write_npz
from crosshash.checksums import is_sealed
from crosshash.codes.quantiser import Codebook
from crosshash.collection.new_items import Ready
from crosshash.errors import CrosshashError
from crosshash.inference.device import set_up_inference
from crosshash.inference.encoding import item_means
from crosshash.protocols import Quantising
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.search.encoder import BATCH, Encoder
from crosshash.search.folders.own_picture import read_own_picture
from crosshash.search.trained import TrainedEncoder, load_encoder
from crosshash.workers.engine import in_this_process, run_units
from crosshash.workers.progress import counted
from crosshash.workers.unfinished import work_folder
from crosshash.workers.units import Advance, Make, Unit, begin

BLOCK = 4 * BATCH
"""Items whose codes are kept together while others are encoded."""

Caption = Literal["first", "all"]


@dataclass(frozen=True)
class NewCodes:
    """Codes of N new items, by modality.

    packed: uint8[N, ceil(K/8)]; has: bool[N], where there is a picture or a caption; words: int64[N, M] of
    methods that quantise. Where `has` is false, the others mean nothing.
    """

    packed: dict[Modality, NDArray[np.uint8]]
    has: dict[Modality, NDArray[np.bool_]]
    words: dict[Modality, NDArray[np.int64]] | None


@dataclass(frozen=True)
class Encoding:
    """A project's model over blocks of items; collection: the folder that keeps their pictures.

    description: of the model as it was when the work began; threads: of torch, which decide the last digits.
    """

    project: Path
    description: Mapping[str, Any]
    collection: Path
    caption: Caption
    device: str
    threads: int

    def ready(self) -> Make:
        """Load the model.

        Raises:
            CrosshashError: another one stands there by now.
        """
        set_up_inference(self.threads)
        encoder = load_encoder(self.project, self.device)
        if encoder.description != self.description:
            raise CrosshashError(f"{self.project}: has another model than when this work began. Run again.")
        return block_encoder(encoder, self.collection, self.caption)


def block_folder(encoder: Encoder, collection: Path, caption: Caption, work: str = "encode") -> Path:
    """Name the folder of blocks of codes that wait until all are there; work: what is done, in a word."""
    made_by = json.dumps(encoder.description, sort_keys=True)
    return work_folder((), work, str(collection.resolve()), made_by, caption)


def encode_ready(
    encoder: TrainedEncoder, ready: Sequence[Ready], collection: Path, caption: Caption, state: Path
) -> NewCodes:
    """Run the networks, a batch of items at a time; `caption`: what of several captions counts.

    state: a folder where each block of items leaves its codes, so that a call that was stopped goes on with
    the next; only codes of delivered length are kept in memory. A single block is no work for others: who
    puts one picture into a service does not wait for a process that loads the model.

    Raises:
        CrosshashError: blocks failed, or stand there that were made with other versions of torch or the like.
    """
    units = [_unit(ready[start : start + BLOCK]) for start in range(0, len(ready), BLOCK)]
    if len(units) < 2 or in_this_process():
        _encode_here(state, units, len(ready), block_encoder(encoder, collection, caption))
    else:
        project, device = encoder.artifacts.parent, encoder.device.type
        work = Encoding(project, encoder.description, collection, caption, device, torch.get_num_threads())
        run_units(state, work, units, len(ready), "encoded", cuda=device == "cuda")
    blocks = [read_npz(state / unit.name) for unit in units]
    whole = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    packed, has, words = (
        {one: whole[f"{kind}_{one}"] for one in MODALITIES if f"{kind}_{one}" in whole}
        for kind in ("packed", "has", "words")
    )
    return NewCodes(packed, has, words or None)


def _encode_here(state: Path, units: Sequence[Unit], total: int, make: Make) -> None:
    """Do the blocks that are missing in this process: what goes wrong is raised as it is."""
    begin(state)
    with counted(total, "encoded", "items") as advance:
        for unit in units:
            if is_sealed(state / unit.name):
                advance(unit.size)
            else:
                make(unit.given, state / unit.name, advance)


def _unit(block: Sequence[Ready]) -> Unit:
    """Name a block by what is in it; it is sent to other processes without the bytes of its pictures."""
    contents = "\n".join(one.content for one in block)
    given = [replace(one, addition=replace(one.addition, picture=None)) for one in block]
    return Unit(f"{hashlib.sha256(contents.encode()).hexdigest()}.npz", given, len(block))


def block_encoder(encoder: TrainedEncoder, collection: Path, caption: Caption) -> Make:
    """Make the function that writes the codes of a block."""

    def encode(block: Sequence[Ready], path: Path, advance: Advance) -> None:
        write_npz(path, _encoded(encoder, block, collection, caption), packed=False)
        advance(len(block))

    return encode


def _encoded(
    encoder: TrainedEncoder, block: Sequence[Ready], collection: Path, caption: Caption
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
