"""Solving instead of training: one pass over the training set, then the best of a few penalties.

Shapes: N pairs that are searched, V validation pairs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from crosshash.codes.hashcodes import pack
from crosshash.models.closed_form import ClosedFormMethod, Features, Seen, joined
from crosshash.models.method import encoding
from crosshash.models.weights.tensors import Tensors
from crosshash.protocols import Batches
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.mean_ap import mean_average_precision
from crosshash.retrieval.ranking.score_ranking import rank_by_score
from crosshash.seeding import stream
from crosshash.training.checkpoint import Epoch, cpu_copy

Values = NDArray[np.float32]
Labels = NDArray[np.uint8]
FEW_PAIRS = 5
"""Validation pairs below which their correlation chooses no penalty."""
CORRELATION = "val_correlation"
"""Between the values before the sign of validation images and texts: what chooses where labels do not."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Solved:
    """The model kept, the penalty behind it, and which of those tried it was, from 1."""

    state: Tensors
    penalty: float
    number: int


def solve(
    device: torch.device,
    method: ClosedFormMethod,
    train: Batches,
    val: Batches | None,
    *,
    half: bool = False,
    supervised: bool,
    seed: int,
    on_penalty: Callable[[int, Epoch], None],
) -> Solved:
    """Look at all training pairs once, then solve for each penalty and keep the best.

    half: the networks run in bf16.

    Raises:
        CrosshashError: what cannot be projected, or not to so many bits.
    """
    method.to(device)
    with encoding(method), torch.autocast(device.type, torch.bfloat16, enabled=half):
        seen = method.look_at(batch.to(device) for batch in train.in_order())
        asked = None
        if val is not None:
            asked = joined([method.features(batch.to(device)) for batch in val.in_order()])
    return choose(method, seen, asked, supervised=supervised, seed=seed, on_penalty=on_penalty)


def choose(
    method: ClosedFormMethod,
    seen: Seen,
    asked: Features | None,
    *,
    supervised: bool,
    seed: int,
    on_penalty: Callable[[int, Epoch], None],
) -> Solved:
    """Solve for each penalty, and keep the one of the best scores of validation pairs, `asked`.

    A supervised method is chosen by mAP, where labels allow one, another by how alike the values of the two
    halves of a pair are, for pairs that were not looked at. Without such pairs the middle one is taken; of
    fewer than FEW_PAIRS their likeness says nothing, and so few go with small training sets, for which the
    largest is best (docs/cca.md). Where vectors are stored, scores are those of the values themselves; words
    are fitted to the ones chosen.
    """
    best, best_value = None, -np.inf
    tried = method.tried if asked is not None else method.tried[len(method.tried) // 2 :][:1]
    if asked is not None and not supervised and len(asked["image"]) < FEW_PAIRS:
        tried = method.tried[-1:]
    for number, penalty in enumerate(tried, start=1):
        cost = method.solve(seen, penalty, stream(seed, "rotation"))
        row = {"quantisation": cost} if method.vector_code() is None else {}
        row |= {} if asked is None else _scores(method, asked, seen.sample)
        logger.info("penalty %g  %s", penalty, "  ".join(f"{key} {value:.4f}" for key, value in row.items()))
        on_penalty(number, row)
        value = _value(row, supervised)
        if value > best_value:
            best, best_value = Solved(cpu_copy(method.state_dict()), penalty, number), value
    assert best is not None  # noqa: S101 - at least one penalty is tried
    method.load_state_dict(best.state)
    method.fit_vector_code(seen.sample, seed)
    return replace(best, state=cpu_copy(method.state_dict()))


def _value(row: Epoch, supervised: bool) -> float:
    """Say how good a solution is; one that nothing was measured of is as good as another."""
    if supervised and "val_i2t" in row:
        return row["val_i2t"] + row["val_t2i"]
    return row.get(CORRELATION, 0.0)


def _scores(method: ClosedFormMethod, asked: Features, searched: Features) -> Epoch:
    """Correlate the halves of validation pairs and, where labels tell, let them search the sample: mAP."""
    query, items = _values(method, asked), _values(method, searched)
    found = {CORRELATION: correlation(query["image"], query["text"])}
    asked_labels, labels = ((one["labels"] > 0).astype(np.uint8) for one in (asked, searched))
    if (asked_labels.any(axis=0) & labels.any(axis=0)).any():
        for task, (asking, answering) in {"i2t": ("image", "text"), "t2i": ("text", "image")}.items():
            sides = query[asking], items[answering], asked_labels, labels
            found[f"val_{task}"] = _map_of_signs(*sides) if method.vector_code() is None else _map_of(*sides)
    return found


def _map_of_signs(query_VK: Values, items_NK: Values, query_labels: Labels, labels: Labels) -> float:
    """By Hamming distance of the signs."""
    return mean_average_precision(pack(query_VK), pack(items_NK), query_labels, labels)


def _map_of(query_VK: Values, items_NK: Values, query_labels: Labels, labels: Labels) -> float:
    """By inner products of the values, of queries that have a relevant item."""
    relevant_VN = query_labels.astype(np.float32) @ labels.T.astype(np.float32) > 0
    ranking = rank_by_score(query_VK @ items_NK.T, relevant_VN, "expected")
    return float(AP()(ranking.take(ranking.all_relevant > 0)).mean())


def correlation(first_VK: NDArray[np.float32], second_VK: NDArray[np.float32]) -> float:
    """Correlation of two sets of vectors around their means, all entries together: no rotation changes it."""
    first, second = ((one - one.mean(axis=0)).astype(np.float64) for one in (first_VK, second_VK))
    size = np.sqrt(np.square(first).sum() * np.square(second).sum())
    return float((first * second).sum() / size) if size else 0.0


def _values(method: ClosedFormMethod, features: Features) -> dict[str, NDArray[np.float32]]:
    """Give what the codes of features are the signs of."""
    return {name: method.code_of(name, features[name]) for name in ("image", "text")}
