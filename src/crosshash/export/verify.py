"""`crosshash export bundle --verify`: a bundle against the model that it was made of, item by item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.bundle.manifest import NAME
from crosshash.bundle.opened import read_bundle
from crosshash.codes.hashcodes import pack
from crosshash.codes.real_codes import Distance
from crosshash.errors import CrosshashError
from crosshash.inference.packing import delivered
from crosshash.pairs.table import PARTS
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.retrieval.codefiles.codeset import TASKS as BY_TASK
from crosshash.search.encoder import Encoder
from crosshash.search.items import Hit
from crosshash.search.searcher import Searcher
from crosshash.search.trained import load_encoder
from crosshash.shards.item_files import Item
from crosshash.shards.tar_files import read_items
from crosshash.workers.progress import tracked

ITEMS = 2_000
"""Of each modality, at most."""
CHUNK = 64
TOP = 10
LEAST = 0.9999
"""Share of bits that have to agree."""
TASKS: dict[Modality, str] = {"image": "i2t", "text": "t2i"}


@dataclass(frozen=True)
class Agreement:
    """How far torch and a bundle agree on one modality.

    bits: compared; other: those that differ, in the items `differing`; rankings: ids of items whose first ten
    by the bundle have other distances or items than by torch.
    """

    modality: Modality
    items: int
    bits: int
    other: int
    differing: Sequence[str]
    rankings: Sequence[str]

    @property
    def share(self) -> float:
        """Of the bits that are equal."""
        return 1 - self.other / self.bits if self.bits else 1.0


def verify_bundle(project: Path, folder: Path) -> list[Agreement]:
    """Encode items of the data set by both, and search the bundle's index by both codes.

    Raises:
        CrosshashError: the bundle is not whole, or of another model than the project has now.
    """
    bundle, encoder = read_bundle(folder), load_encoder(project)
    if bundle.encoder.description != encoder.description:
        raise CrosshashError(
            f"{folder / NAME}: is of another model than {project / 'artifacts' / 'model'}. Make the bundle "
            "anew."
        )
    searcher = bundle.searcher()
    data = project / "data" / searcher.dataset
    return [_compared(encoder, searcher, data, one) for one in MODALITIES]


def _compared(encoder: Encoder, searcher: Searcher, data: Path, modality: Modality) -> Agreement:
    items = [(item, raw) for item, raw in islice(_raw(data, modality), ITEMS)]
    bits, other, differing, rankings = 0, 0, list[str](), list[str]()
    task = TASKS[modality]
    ranked = searcher.counts[BY_TASK[task][1]]  # a collection may have captions alone, or nothing
    starts = range(0, len(items), CHUNK)
    for start in tracked(starts, len(starts), f"compared {modality}", "batches"):
        ids, raw = zip(*items[start : start + CHUNK], strict=True)
        ours, theirs = (one.soft(modality, _stacked(raw)) for one in (encoder, searcher.encoder))
        flips = _flips(encoder, ours, theirs)
        bits, other = bits + flips.size, other + int(flips.sum())
        differing += [item for item, row in zip(ids, flips, strict=True) if row.any()]
        if not ranked:
            continue
        found = [_first(searcher, encoder, one, task) for one in (ours, theirs)]
        rankings += [item for item, one, two in zip(ids, *found, strict=True) if one != two]
    return Agreement(modality, len(items), bits, other, differing, rankings)


def _raw(data: Path, modality: Modality) -> Iterator[tuple[str, Any]]:
    """Yield what a network reads of each item that has it, by id."""
    for part in PARTS:
        for item in read_items(data, part):
            raw = item.image if modality == "image" else _text(item)
            if raw is not None:
                yield item.id, raw


def _text(item: Item) -> str | NDArray[np.float32] | None:
    if isinstance(item.text, np.ndarray):
        return item.text
    return item.captions[0] if item.captions else None


def _stacked(raw: Sequence[Any]) -> Any:  # noqa: ANN401 - pictures, captions or vectors
    return np.stack(raw) if isinstance(raw[0], np.ndarray) else list(raw)


def _flips(encoder: Encoder, ours: NDArray[np.float16], theirs: NDArray[np.float16]) -> NDArray[np.bool_]:
    """Compare the signs of the delivered codes: bool[N, k], where they differ."""
    one, two = (delivered(soft, encoder.matrix, encoder.kept) for soft in (ours, theirs))
    packed = pack(one) ^ pack(two)
    return np.unpackbits(packed, axis=1, count=one.shape[1]).astype(bool)


def _first(searcher: Searcher, encoder: Encoder, soft: NDArray[np.float16], task: str) -> list[list[Any]]:
    """Give the first ten of each query: by Hamming distance where there is one, with their items."""
    hamming: Distance | None = None if encoder.vector_code else "hamming"
    found = searcher.find(encoder.packed(soft), task, TOP, distance=hamming)
    return [[_place(hit) for hit in hits] for hits in found]


def _place(hit: Hit) -> Any:  # noqa: ANN401
    return hit.id if hit.distance is None else (hit.distance, hit.id)
