"""What the networks give for every item, kept so that another length of the code needs no network.

Real codes as trained, before the sign, lie in two .npy files that are mapped into memory; beside them what
else of the model decides how they become hash codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_json, read_npz, write_json, write_npz
from crosshash.codes.vector_code import VectorCode
from crosshash.errors import CrosshashError, full_disk_named
from crosshash.mapped import finish, map_array, new_array

CARD, FACTS, ITEMS = "outputs.json", "model.npz", "items.npz"
BLOCK = 8192
"""Items that are read at a time."""
SIGNIFICANCE = "significance_"
REMEDY = "Delete it and run `dvc repro infer`."


@dataclass(frozen=True)
class Block:
    """Real codes of N items.

    rows: int64[N] of the pair table; image, text: float16[N, K], zeros where there is no text; has_text:
    bool[N].
    """

    rows: NDArray[np.int64]
    image: NDArray[np.float16]
    text: NDArray[np.float16]
    has_text: NDArray[np.bool_]


@dataclass(frozen=True)
class ModelFacts:
    """What becomes of the codes of a model is told by these, and nothing else of it.

    digest: of the model, in hex. significances: float64[K] by measure, of methods whose code is cut.
    dictionaries: float32[M, W, K] with known: int64[S, M], of methods that quantise. vector_code: how items
    are stored, where it is not by signs.
    """

    digest: str
    train_bits: int
    significances: Mapping[str, NDArray[np.float64]] | None = None
    dictionaries: NDArray[np.float32] | None = None
    known: NDArray[np.int64] | None = None
    vector_code: VectorCode | None = None


@dataclass(frozen=True)
class TrainedCodes:
    """The files of a folder: facts of the model and, where they were kept, real codes of `items` items."""

    folder: Path
    facts: ModelFacts
    items: int
    kept: bool

    def blocks(self) -> Iterator[Block]:
        """Read the real codes, in the order of the pair table.

        Raises:
            CrosshashError: a file is missing, cut or damaged.
        """
        image, text = (
            map_array(self.folder / f"{name}.npy", np.float16, self._shape, REMEDY)
            for name in ("image", "text")
        )
        has_text = read_npz(self.folder / ITEMS)["has_text"]
        for start in range(0, self.items, BLOCK):
            rows = np.arange(start, min(start + BLOCK, self.items))
            yield Block(rows, np.asarray(image[rows]), np.asarray(text[rows]), has_text[rows])

    @property
    def _shape(self) -> tuple[int, int]:
        return self.items, self.facts.train_bits


def write_trained_codes(folder: Path, facts: ModelFacts, items: int, blocks: Iterable[Block] | None) -> None:
    """Fill a folder; blocks, in whatever order, hold every item once; None: real codes are not kept.

    Raises:
        CrosshashError: items are missing, or the disk is full.
    """
    folder.mkdir()
    significances = facts.significances or {}
    arrays: dict[str, np.ndarray] = {SIGNIFICANCE + name: one for name, one in significances.items()}
    if facts.dictionaries is not None and facts.known is not None:
        arrays |= {"dictionaries": facts.dictionaries, "known": facts.known}
    if facts.vector_code is not None:
        arrays |= facts.vector_code.arrays()
    write_npz(folder / FACTS, arrays)
    card = {"model": facts.digest, "train_bits": facts.train_bits, "items": items, "kept": blocks is not None}
    write_json(folder / CARD, card)
    if blocks is not None:
        with full_disk_named(folder):
            _write_blocks(folder, (items, facts.train_bits), blocks)


def read_trained_codes(folder: Path) -> TrainedCodes:
    """Read what is known of a folder; the real codes themselves are read block by block.

    Raises:
        CrosshashError: a file is missing, cut, damaged, or of another version.
    """
    card, arrays = read_json(folder / CARD), read_npz(folder / FACTS)
    significances = {
        name.removeprefix(SIGNIFICANCE): one for name, one in arrays.items() if name.startswith(SIGNIFICANCE)
    }
    try:
        facts = ModelFacts(
            card["model"],
            card["train_bits"],
            significances or None,
            arrays.get("dictionaries"),
            arrays.get("known"),
            VectorCode.of_arrays(arrays),
        )
        return TrainedCodes(folder, facts, card["items"], card["kept"])
    except KeyError as error:
        raise CrosshashError(f"{folder / CARD}: says nothing of {error}. {REMEDY}") from None


def _write_blocks(folder: Path, shape: tuple[int, int], blocks: Iterable[Block]) -> None:
    files = {name: new_array(folder / f"{name}.npy", np.float16, shape) for name in ("image", "text")}
    has_text, there = np.zeros(shape[0], bool), np.zeros(shape[0], bool)
    for block in blocks:
        files["image"][block.rows] = block.image
        files["text"][block.rows] = block.text
        has_text[block.rows], there[block.rows] = block.has_text, True
    if not there.all():
        raise CrosshashError(
            f"{np.count_nonzero(~there)} of {shape[0]} items are in no shard, row {there.argmin()} for one. "
            "Run `dvc repro convert`."
        )
    for name, array in files.items():
        finish(folder / f"{name}.npy", array)
    write_npz(folder / ITEMS, {"has_text": has_text})
