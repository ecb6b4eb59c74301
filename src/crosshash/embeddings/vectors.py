"""What frozen networks give for all items, on disk: vectors of the rows of the pair table.

Vectors that the data set itself holds stand there too where the other modality's network is frozen, so that
whoever reads this folder needs no shards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import atomic_path, read_json, read_npz, write_json, write_npz
from crosshash.errors import CrosshashError, full_disk_named
from crosshash.mapped import finish, map_array, new_array
from crosshash.pairs.table import PARTS
from crosshash.retrieval.codefiles.codeset import Modality

CARD, ITEMS = "embeddings.json", "items.npz"
NO_ROWS = np.empty(0, np.int64)
REMEDY = "Run `dvc repro embed`."

Array = NDArray[Any]


@dataclass(frozen=True)
class Embeddings:
    """Vectors of N items: image float[N, D], text float[M, E], mapped into memory; None: none are kept.

    Where no item has a text, there is one text vector, which stands for any.

    order: rows of the pair table by part, int64, in the order of the shards. first_text: int64[N + 1], row
    `first_text[n]` of the text vectors is the first of item n's.
    """

    order: Mapping[str, NDArray[np.int64]]
    first_text: NDArray[np.int64]
    image: Array | None
    text: Array | None

    @property
    def there(self) -> bool:
        """Whether there are any: else every network reads the shards."""
        return self.image is not None or self.text is not None


@dataclass(frozen=True)
class Block:
    """Vectors of the items of a shard, in its order: rows int64[n], image [n, D], text [m, E]."""

    part: str
    rows: NDArray[np.int64]
    vectors: Mapping[Modality, Array]


def write_embeddings(
    folder: Path, first_text: NDArray[np.int64], blocks: Iterable[Block], neutral: Array | None = None
) -> None:
    """Put the blocks of all shards together in one folder, complete or not at all.

    first_text: as in `Embeddings`. neutral: float[1, E], the one text vector where no item has a text.

    Raises:
        CrosshashError: items are missing, or the disk is full.
    """
    with atomic_path(folder) as temporary, full_disk_named(folder):
        temporary.mkdir()
        arrays: dict[Modality, Array] = {}
        order: dict[str, list[NDArray[np.int64]]] = {part: [] for part in PARTS}
        there = np.zeros(len(first_text) - 1, bool)
        for block in blocks:
            there[block.rows] = True
            order[block.part].append(block.rows)
            places = {"image": block.rows, "text": text_rows(first_text, block.rows)}
            for one, vectors in block.vectors.items():
                if one == "text" and neutral is not None:
                    continue
                if one not in arrays:
                    count = len(there) if one == "image" else int(first_text[-1])
                    shape = (count, vectors.shape[1])
                    arrays[one] = new_array(temporary / f"{one}.npy", vectors.dtype, shape)
                arrays[one][places[one]] = vectors
        if neutral is not None:
            arrays["text"] = new_array(temporary / "text.npy", neutral.dtype, neutral.shape)
            arrays["text"][:] = neutral
        if arrays and not there.all():
            raise CrosshashError(
                f"{np.count_nonzero(~there)} of {len(there)} items are in no shard, row {there.argmin()} for "
                "one. Run `dvc repro convert`."
            )
        for one, array in arrays.items():
            finish(temporary / f"{one}.npy", array)
        shapes = {one: [str(array.dtype), *array.shape] for one, array in arrays.items()}
        write_json(temporary / CARD, {"arrays": shapes})
        items = {f"order_{part}": np.concatenate([NO_ROWS, *rows]) for part, rows in order.items()}
        write_npz(temporary / ITEMS, items | {"first_text": first_text})


def read_embeddings(folder: Path) -> Embeddings:
    """Map the vectors of a folder.

    Raises:
        CrosshashError: a file is missing, damaged, or of another version.
    """
    card = read_json(folder / CARD)
    try:
        found = {
            one: map_array(folder / f"{one}.npy", kind, tuple(shape), REMEDY)
            for one, (kind, *shape) in card["arrays"].items()
        }
        items = read_npz(folder / ITEMS)
        order = {part: items[f"order_{part}"] for part in PARTS}
        return Embeddings(order, items["first_text"], found.get("image"), found.get("text"))
    except (KeyError, TypeError, ValueError) as error:
        raise CrosshashError(f"{folder / CARD}: is of another version ({error}). {REMEDY}") from None


def text_rows(first_text: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """List the rows of the text vectors of some items, int64[M], item by item."""
    first, counts = first_text[rows], np.diff(first_text)[rows]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.repeat(first, counts) + within)
