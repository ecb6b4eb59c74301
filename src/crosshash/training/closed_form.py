"""Solving instead of training: one pass over the training set, then the best of a few penalties.

Shapes: N pairs that are searched, V validation pairs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray

from crosshash.codes.hashcodes import pack
from crosshash.models.closed_form import ClosedFormMethod, Features, joined
from crosshash.models.method import encoding
from crosshash.models.weights.tensors import Tensors
from crosshash.protocols import Batches
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.instance import partner_scores
from crosshash.retrieval.measures.mean_ap import mean_average_precision
from crosshash.seeding import stream
from crosshash.training.checkpoint import Epoch, cpu_copy

PARTNER = "val_partner"
"""Mean of 1 / rank of a validation item's own partner: what chooses where labels have no say."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Solved:
    """The model kept, the penalty behind it, and which of those tried it was, from 1."""

    state: Tensors
    penalty: float
    number: int


def solve(
    fabric: Fabric,
    method: ClosedFormMethod,
    train: Batches,
    val: Batches | None,
    *,
    supervised: bool,
    seed: int,
    on_penalty: Callable[[int, Epoch], None],
) -> Solved:
    """Look at all training pairs once, solve for each penalty, keep the one of the best validation scores.

    A supervised method is chosen by mAP, another by how soon validation items find their own partner. Where
    nothing can be scored, the middle one of the penalties is taken, and no other is tried.

    Raises:
        CrosshashError: what cannot be projected, or not to so many bits.
    """
    method.to(fabric.device)
    with encoding(method), fabric.autocast():
        seen = method.look_at(batch.to(fabric.device) for batch in train.in_order())
        asked = None if val is None else _features(fabric, method, val)
    criteria = ("val_i2t", "val_t2i") if supervised else (PARTNER,)
    best, best_value = None, -np.inf
    tried = method.tried if asked is not None else method.tried[len(method.tried) // 2 :][:1]
    for number, penalty in enumerate(tried, start=1):
        row = {"quantisation": method.solve(seen, penalty, stream(seed, "rotation"))}
        row |= {} if asked is None else _scores(method, asked, seen.sample)
        logger.info("penalty %g  %s", penalty, "  ".join(f"{key} {value:.4f}" for key, value in row.items()))
        on_penalty(number, row)
        value = float(np.mean([row.get(name, 0.0) for name in criteria]))
        if value > best_value:
            best, best_value = Solved(cpu_copy(method.state_dict()), penalty, number), value
    assert best is not None  # noqa: S101 - at least one penalty is tried
    return best


def _features(fabric: Fabric, method: ClosedFormMethod, batches: Batches) -> Features:
    return joined([method.features(batch.to(fabric.device)) for batch in batches.in_order()])


def _scores(method: ClosedFormMethod, asked: Features, searched: Features) -> Epoch:
    """Let validation pairs search the sample: their own partners and, where labels tell, mAP."""
    query, items = _codes(method, asked), _codes(method, searched)
    labels = [(one["labels"] > 0).astype(np.uint8) for one in (asked, searched)]
    comparable = bool((labels[0].any(axis=0) & labels[1].any(axis=0)).any())
    found: Epoch = {}
    partner = []
    for task, (asking, answering) in {"i2t": ("image", "text"), "t2i": ("text", "image")}.items():
        pool = np.concatenate([query[answering], items[answering]])
        partner.append(partner_scores(query[asking], pool, [AP()], ties="expected")[str(AP())].mean())
        if comparable:
            found[f"val_{task}"] = mean_average_precision(query[asking], items[answering], *labels)
    return found | {PARTNER: float(np.mean(partner))}


def _codes(method: ClosedFormMethod, features: Features) -> dict[str, NDArray[np.uint8]]:
    """Pack the hash codes of features."""
    return {name: pack(method.code_of(name, features[name])) for name in ("image", "text")}
