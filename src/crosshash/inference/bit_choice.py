"""Which bits of a trained code are delivered: the most significant ones, by the measure that serves best."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.bit_index import BitIndex, Index, Scores, most_significant
from crosshash.codes.hashcodes import HashCodes
from crosshash.errors import CrosshashError
from crosshash.inference.encoding import EncodedItems
from crosshash.pairs.labels import label_matrix
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL, CodeSet
from crosshash.retrieval.scoring.scores import DIGITS
from crosshash.retrieval.scoring.significance import subset_maps

UNSCORED = "alignment"  # what decides where the validation queries cannot
logger = logging.getLogger(__name__)


def choose_bits(
    significances: dict[str, NDArray[np.float64]],
    wanted: str,
    bits: int,
    val: EncodedItems | None,
    train: EncodedItems,
    classes: tuple[str, ...],
) -> BitIndex:
    """Choose the `bits` bits to deliver, by the measure `wanted`, or by that of the best cut code (`auto`).

    significances: float64[K] by measure. The validation queries search the training items, and the best cut
    code is the one with the highest mean of i2t and t2i mAP; where that cannot be scored, `auto` is
    `alignment`.
    """
    length = len(next(iter(significances.values())))
    if bits == length:
        return BitIndex(np.arange(bits), significances, None, None)
    indexes = {name: most_significant(values, bits) for name, values in significances.items()}
    sides = None if val is None else (_code_set(val, classes, length), _code_set(train, classes, length))
    scores = None if sides is None else _scores(indexes, *sides)
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
    maps = {}
    for task in CROSS_MODAL:
        try:
            maps[task] = subset_maps(val, train, task, indexes.values(), "expected", "skip")
        except CrosshashError:
            return None
    return {
        name: {task: round(float(values[place]), DIGITS) for task, values in maps.items()}
        for place, name in enumerate(indexes)
    }


def _code_set(items: EncodedItems, classes: tuple[str, ...], bits: int) -> CodeSet:
    """Take the trained codes of encoded items."""
    labels = label_matrix(items.labels, classes)
    return CodeSet(
        HashCodes(items.image_long, bits, items.ids),
        HashCodes(items.text_long, bits, items.ids),
        labels,
        np.array(classes, dtype=np.str_),
        items.has_text,
        np.asarray(labels.any(axis=1)),
    )
