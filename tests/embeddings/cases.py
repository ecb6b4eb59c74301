"""Items of pictures with captions in two shards or more, and small networks of fixed weights over them."""

from __future__ import annotations

import io
from collections.abc import Container
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from crosshash.embeddings.embed_shards import embedded_blocks, embedder, first_texts, shard_units
from crosshash.embeddings.frozen_encoders import FrozenEncoder
from crosshash.embeddings.vectors import Embeddings, read_embeddings, write_embeddings
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_each
from crosshash.pairs.table import Pair, write_pairs
from crosshash.retrieval.codefiles.codeset import MODALITIES
from crosshash.shards.item_files import Item
from crosshash.shards.tar_files import write_shards
from crosshash.workers.engine import run_units
from crosshash.workers.units import Make

COUNTS = {"query": 3, "train": 70, "val": 2, "rest": 5}
VISION = {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8}
TEXT = {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
CONFIG = {"embed_dim": 6, "vision_cfg": VISION, "text_cfg": TEXT}
SPEC = TowerSpec("clip", "small", config=CONFIG)


def encoders(seed: int = 0) -> dict[str, FrozenEncoder]:
    """Both networks of one small CLIP."""
    torch.manual_seed(seed)
    found = build_each({"image": SPEC, "text": SPEC}, None)
    for tower in found.values():
        tower.network.eval().requires_grad_(False)
    return {one: FrozenEncoder(SPEC, tower) for one, tower in found.items()}


class OnlyHere:
    """Work that is never sent to another process."""

    def ready(self) -> Make:
        raise AssertionError


def embedded(folder: Path, state: Path, out: Path, frozen: Container[str] = MODALITIES) -> Embeddings:
    """Run networks over a set's shards and put the vectors together."""
    chosen = {one: encoder for one, encoder in encoders().items() if one in frozen}
    make = embedder(folder, chosen, torch.device("cpu"))  # type: ignore[arg-type]
    state.mkdir(exist_ok=True)
    run_units(state, OnlyHere(), shard_units(folder), 80, "embedded", make=make)
    write_embeddings(out, first_texts(folder, vectors=False), embedded_blocks(folder, state))
    return read_embeddings(out)


def picture(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (20, 16, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def parts() -> dict[str, list[Item]]:
    """Items of mixed rows with one or two captions; those that are only searched have up to two."""
    rows = iter(np.random.default_rng(5).permutation(sum(COUNTS.values())).tolist())
    least = {part: 0 if part == "rest" else 1 for part in COUNTS}
    return {part: [item(next(rows), least[part]) for _ in range(count)] for part, count in COUNTS.items()}


def item(row: int, least: int) -> Item:
    captions = tuple(f"picture {row} told for the {time}. time" for time in range(least + row % 2))
    return Item(row, f"id{row}", picture(row), captions, None, ("even" if row % 2 else "odd",))


def write_set(folder: Path) -> dict[str, list[Item]]:
    """Write pair table and shards of few items each."""
    found = parts()
    folder.mkdir()
    write_shards(folder, found, 0.08)
    by_row = sorted((one.row, part, one) for part, items in found.items() for one in items)
    write_pairs(folder, [Pair(it.id, it.id, it.captions, it.labels, part) for _, part, it in by_row])
    return found
