"""How much the bits of a code matter: scores of the bits that were kept, beside those of as many others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crosshash.codes.bit_index import MEASURES, BitIndex, Index, most_significant
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL, TASKS, CodeSet
from crosshash.retrieval.measures.mean_ap import Undefined, mean_average_precision
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring.evaluation import have_labels
from crosshash.retrieval.scoring.scores import DIGITS
from crosshash.seeding import stream

RANDOM = 20
"""Random subsets that the delivered one is compared with."""


def significance_section(
    chosen: BitIndex | None,
    query: CodeSet,
    retrieval: CodeSet,
    ties: Ties,
    undefined: Undefined,
    seed: int,
) -> dict[str, Any] | None:
    """Give the section `significance` of metrics.json: the delivered bits beside random ones.

    query, retrieval: trained codes. None where no bit is left out, or nothing can be scored by labels.
    """
    if chosen is None or chosen.chosen is None or not have_labels(query, retrieval):
        return None
    subsets = [chosen.index, *random_subsets(query.bits, len(chosen.index), seed)]
    section: dict[str, Any] = {"measure": chosen.chosen}
    for task in CROSS_MODAL:
        delivered, *others = subset_maps(query, retrieval, task, subsets, ties, undefined)
        section[task] = {
            "mAP": round(float(delivered), DIGITS),
            "random_mean": round(float(np.mean(others)), DIGITS),
            "random_deviation": round(float(np.std(others, ddof=1)), DIGITS),
        }
    return section


def significance_table(chosen: BitIndex | None) -> pd.DataFrame:
    """Give columns bit, the measures, rank by the one that decided, kept: a row per bit.

    Bits and ranks count from 0; where none is left out, the rank is the bit's own place. No row for methods
    whose codes are not cut.
    """
    if chosen is None:
        return pd.DataFrame(columns=["bit", *MEASURES, "rank", "kept"])
    bits = np.arange(chosen.trained_bits)
    order = (
        bits if chosen.chosen is None else most_significant(chosen.significances[chosen.chosen], len(bits))
    )
    columns: dict[str, Any] = {"bit": bits, **chosen.significances, "rank": np.argsort(order)}
    columns["kept"] = np.isin(bits, chosen.index).astype(int)
    return pd.DataFrame(columns).round(DIGITS)


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
    asking = np.unpackbits(query.packed(asks)[rows], axis=1)
    answering = np.unpackbits(retrieval.packed(answers)[items], axis=1)
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
