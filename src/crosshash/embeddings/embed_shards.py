"""All items through the frozen networks, a shard being the unit of work: what is done stays done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from crosshash.artifacts import read_npz, write_npz
from crosshash.embeddings.frozen_encoders import FrozenEncoder
from crosshash.embeddings.vectors import Array, Block
from crosshash.pairs.table import PARTS, read_columns
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.shards.item_files import Item
from crosshash.shards.tar_files import read_shard, shard_names
from crosshash.workers.cores import cores
from crosshash.workers.threads import in_threads
from crosshash.workers.units import Advance, Make, Unit

CHUNK = 64  # items that a thread takes at a time
NEUTRAL = "a photo"
"""Where no item has a text, this one's vector is the middle that text queries are centred by."""

Encoders = Mapping[Modality, FrozenEncoder]


def first_texts(data: Path, vectors: bool) -> NDArray[np.int64]:
    """Say where each item's text vectors begin, int64[N + 1]: it has captions, or one vector of its own."""
    table = read_columns(data, ["captions"])
    counts = np.ones(len(table), np.int64)
    if not vectors:
        counts = table["captions"].combine_chunks().value_lengths().to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def neutral_text(encoders: Encoders, device: torch.device) -> Array:
    """Embed the text that stands for any, float16[1, E]: for data sets without a single text of their own."""
    return encoders["text"].embed([NEUTRAL], device)


def embedder(data: Path, encoders: Encoders, device: torch.device) -> Make:
    """Make the function that embeds a shard, given by name, and writes its vectors.

    Each thread runs the networks with one core, so that the vectors are the same for any number of cores.
    """
    torch.set_num_threads(1)

    def embed(name: str, path: Path, advance: Advance) -> None:
        items, rows = read_shard(data, name), []
        chunks = iter(lambda: list(islice(items, CHUNK)), [])
        embed, blocks = partial(_with_rows, encoders, device), []
        for part, block in in_threads(embed, chunks, cores(), 2 * cores()):
            rows.append(part)
            blocks.append(block)
            advance(len(part))
        vectors: dict[str, Array] = {one: np.concatenate([b[one] for b in blocks]) for one in blocks[0]}
        write_npz(path, {"rows": np.concatenate(rows)} | vectors, packed=False)

    return embed


def shard_units(data: Path) -> list[Unit]:
    """List the shards of a data set as units of work."""
    return [Unit(f"{name}.npz", name, count) for part in PARTS for name, count in shard_names(data, part)]


def embedded_blocks(data: Path, state: Path) -> Iterator[Block]:
    """Give the vectors of all shards, once they are in the work's folder.

    Raises:
        CrosshashError: a file is missing or damaged.
    """
    for part in PARTS:
        for name, _ in shard_names(data, part):
            yield _block(state, part, name)


def embed_items(encoders: Encoders, device: torch.device, items: Sequence[Item]) -> dict[Modality, Array]:
    """Give the vectors of some items: those of frozen networks float16, the data set's own as they are."""
    found: dict[Modality, Array] = {}
    for one in MODALITIES:
        if one in encoders:
            raw = (
                [item.image for item in items] if one == "image" else [c for it in items for c in it.captions]
            )
            found[one] = encoders[one].embed(raw, device)
        else:
            own = [item.image if one == "image" else item.text for item in items]
            vectors = [vector for vector in own if isinstance(vector, np.ndarray)]
            if vectors:
                found[one] = np.stack(vectors)
    return found


def _with_rows(
    encoders: Encoders, device: torch.device, items: Sequence[Item]
) -> tuple[NDArray[np.int64], dict[Modality, Array]]:
    return np.array([item.row for item in items], np.int64), embed_items(encoders, device, items)


def _block(state: Path, part: str, name: str) -> Block:
    arrays = read_npz(state / f"{name}.npz")
    return Block(part, arrays["rows"], {one: arrays[one] for one in MODALITIES if one in arrays})
