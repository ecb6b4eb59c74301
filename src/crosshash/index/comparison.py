"""What an index finds, beside what the other kinds would find on the same codes for more and less work."""

from __future__ import annotations

import numpy as np

from crosshash.index.code_index import CodeIndex
from crosshash.index.exact import Codes
from crosshash.index.recall import FEWEST, Figures, curve, exact_figures, measure, sampled
from crosshash.index.structures import KINDS, build_structure
from crosshash.seeding import stream, stream_seed

MOST_ITEMS = 20_000  # that the kinds are compared on; a graph of more takes long to build


def compare_kinds(index: CodeIndex, queries: Codes, seed: int) -> list[Figures]:
    """Measure the index first, then each approximate kind with more and more work.

    queries: packed uint8[Q, W], of which a sample is asked. The kinds are built on a sample of the codes
    where there are many, and not at all where no kind would be; without codes or queries there is nothing.
    """
    if not len(index) or not len(queries):
        return []
    asked = sampled(queries, stream_seed(seed, "index", "measured"))
    own, exact = exact_figures(asked, index.packed, index.rows)
    if index.structure is not None:
        (own,) = measure(index.structure, asked, exact, [index.structure.setting])
    if len(index) < FEWEST:
        return [own]
    chosen = np.sort(stream(seed, "index", "compared").permutation(len(index))[:MOST_ITEMS])
    packed, rows = index.packed[chosen], index.rows[chosen]
    _, exact = exact_figures(asked, packed, rows)
    structures = (build_structure(kind, packed, rows, seed) for kind in KINDS)
    return [own, *(figures for one in structures for figures in curve(one, asked, exact))]
