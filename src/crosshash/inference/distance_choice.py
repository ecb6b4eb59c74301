"""By which distance a model is searched: the one that serves its validation queries better."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.real_codes import Distance
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL, VALIDATED, CodeSet, Modality
from crosshash.retrieval.scoring.evaluation import task_map
from crosshash.retrieval.scoring.scores import DIGITS


@dataclass(frozen=True)
class DistanceChoice:
    """A distance; validation: mAP of the validation queries by distance and task; None: not scored.

    only: there is no other distance to choose.
    """

    chosen: Distance
    validation: dict[str, dict[str, float]] | None
    only: bool = False

    @property
    def reason(self) -> str:
        """Why, in words for people."""
        if self.only:
            return "items are stored as vectors, of which there is no Hamming distance"
        if self.validation is None:
            return "there are no validation queries with labels; the finer one is taken"
        means = {name: sum(scores.values()) / len(scores) for name, scores in self.validation.items()}
        told = ", ".join(f"{name} {mean:.4f}" for name, mean in means.items())
        return f"mAP of the validation queries, mean of i2t and t2i: {told}"


def choose_distance(
    val: CodeSet | None, real: dict[Modality, NDArray[np.int8]], train: CodeSet
) -> DistanceChoice:
    """Let the validation queries search the training items both ways; of the query set nothing is read.

    real: real codes int8[N, K] of the validation queries. Of equal means it is Hamming distance.
    """
    if train.vector_code is not None:
        return DistanceChoice("asymmetric", None, only=True)
    if val is None:
        return DistanceChoice("asymmetric", None)
    scores: dict[str, dict[str, float]] = {}
    first = train.take(np.arange(min(VALIDATED, len(train))))
    for distance, levels in (("hamming", None), ("asymmetric", real)):
        try:
            scores[distance] = {
                task: round(task_map(val, first, task, "expected", "skip", levels), DIGITS)
                for task in CROSS_MODAL
            }
        except CrosshashError:  # nothing that a validation query could find
            return DistanceChoice("asymmetric", None)
    means = {distance: sum(scores[distance].values()) for distance in scores}
    return DistanceChoice("asymmetric" if means["asymmetric"] > means["hamming"] else "hamming", scores)
