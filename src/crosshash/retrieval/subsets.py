"""Scores of parts of a code: which bits are kept, and how good others of the same number would be."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.codeset import CodeSet
from crosshash.retrieval.evaluation import TASKS, mean_average_precision
from crosshash.retrieval.ranking import Ties
from crosshash.retrieval.tasks import Undefined
from crosshash.seeding import stream

RANDOM = 20
"""Random subsets that the delivered one is compared with."""

Index = NDArray[np.int64]


def random_subsets(bits: int, kept: int, seed: int) -> list[Index]:
    """Draw the bits that chance would keep: RANDOM times int64[kept] of all `bits`."""
    drawn = stream(seed, "significance")
    return [drawn.choice(bits, kept, replace=False).astype(np.int64) for _ in range(RANDOM)]


def subset_maps(
    query: CodeSet, retrieval: CodeSet, task: str, subsets: Iterable[Index], ties: Ties, undefined: Undefined
) -> NDArray[np.float64]:
    """Give the mAP of one task, by labels, for codes cut to each of the subsets: float64[subsets].

    Raises:
        CrosshashError: no item with labels can take part, or no query has a relevant one.
    """
    asks, answers = TASKS[task]
    rows = query.has_labels & query.has(asks)
    items = retrieval.has_labels & retrieval.has(answers)
    asking = np.unpackbits(query.packed(asks)[rows], axis=1, count=query.bits)
    answering = np.unpackbits(retrieval.packed(answers)[items], axis=1, count=retrieval.bits)
    scores = [
        mean_average_precision(
            np.packbits(asking[:, index], axis=1),
            np.packbits(answering[:, index], axis=1),
            query.labels[rows],
            retrieval.labels[items],
            ties,
            undefined,
        )
        for index in subsets
    ]
    return np.array(scores)
