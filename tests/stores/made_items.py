"""Items with codes that tie everywhere, as tables of the stores."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crosshash.codes.hashcodes import pack
from crosshash.retrieval.codefiles.item_codes import code_column, items_schema

NAMES = ("dog", "sofa", "it's", "Ünïted", 'a "b"')


def made_codes(seed: int, count: int, bits: int, groups: int = 24) -> NDArray[np.uint8]:
    """Packed codes uint8[N, W] of few kinds: each a centre, most with one bit flipped."""
    generator = np.random.default_rng(seed)
    centers = np.random.default_rng(bits).integers(0, 2, (groups, bits))
    signs = centers[generator.integers(groups, size=count)]
    flipped = np.arange(bits) == generator.integers(bits, size=(count, 1))
    return pack(np.where(signs ^ (flipped & (generator.random((count, 1)) < 0.6)), 1, -1))


def made_items(count: int, bits: int, seed: int = 0, first: int = 0) -> pa.Table:
    """Items under shuffled rows with gaps, of which every fifth has no text; labels: some or unknown."""
    generator = np.random.default_rng([seed, 7])
    rows = first + generator.permutation(2 * count)[:count]
    labels = [
        None if row % 11 == 0 else [name for place, name in enumerate(NAMES) if row >> place & 1]
        for row in rows
    ]
    return pa.table(
        {
            "row": pa.array(rows, pa.int64()),
            "id": [f"item {row}" for row in rows],
            "image": [f"photos/{row}.jpg" for row in rows],
            "caption": [f"a 'caption' of {row}" for row in rows],
            "labels": pa.array(labels, pa.list_(pa.string())),
            "pair_row": pa.array(rows[::-1], pa.int64()),
            "picture": pa.nulls(count, pa.string()),
            "image_code": code_column(made_codes(seed, count, bits)),
            "text_code": code_column(made_codes(seed + 1, count, bits), rows % 5 != 0),
        },
        items_schema(bits),
    )
