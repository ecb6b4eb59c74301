"""Which bits of a trained code are delivered: the most significant ones, by the measure that serves best."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.bit_index import BitIndex, Index, Scores, most_significant
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL, VALIDATED, CodeSet
from crosshash.retrieval.scoring.scores import DIGITS
from crosshash.retrieval.scoring.significance import subset_maps

UNSCORED = "alignment"  # what decides where the validation queries cannot
logger = logging.getLogger(__name__)


def choose_bits(
    significances: dict[str, NDArray[np.float64]],
    wanted: str,
    bits: int,
    val: CodeSet | None,
    train: CodeSet,
) -> BitIndex:
    """Choose the `bits` bits to deliver, by the measure `wanted`, or by that of the best cut code (`auto`).

    significances: float64[K] by measure; val, train: trained codes. The validation queries search the first
    training items, and the best cut code is the one with the highest mean of i2t and t2i mAP; where that
    cannot be scored, `auto` is `alignment`.
    """
    length = len(next(iter(significances.values())))
    if bits == length:
        return BitIndex(np.arange(bits), significances, None, None)
    indexes = {name: most_significant(values, bits) for name, values in significances.items()}
    scores = None if val is None else _scores(indexes, val, train)
    if wanted != "auto":
        chosen = wanted
    elif scores is None:
        lacking = (
            "no validation query has a relevant training item" if val else "there are no validation queries"
        )
        logger.warning("%s: %s chooses the bits", lacking, UNSCORED)
        chosen = UNSCORED
    else:
        chosen = max(scores, key=lambda name: sum(scores[name].values()))
    return BitIndex(indexes[chosen], significances, chosen, scores)


def _scores(indexes: dict[str, Index], val: CodeSet, train: CodeSet) -> Scores | None:
    """Score the cut codes, both ways; None where no validation query has anything to find."""
    maps, train = {}, train.take(np.arange(min(VALIDATED, len(train))))
    for task in CROSS_MODAL:
        try:
            maps[task] = subset_maps(val, train, task, indexes.values(), "expected", "skip")
        except CrosshashError:
            return None
    return {
        name: {task: round(float(values[place]), DIGITS) for task, values in maps.items()}
        for place, name in enumerate(indexes)
    }
