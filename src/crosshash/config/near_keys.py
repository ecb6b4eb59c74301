"""Which key of params.yaml is meant by one that there is not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

LEAST = 0.7
"""How alike two names must be, from 0 to 1: below, a suggestion misleads more often than it helps."""

ELSEWHERE = {
    "batch_size": "train.batch",
    "code_length": "bits",
    "cuda": "device",
    "gpu": "device",
    "hash_bits": "bits",
    "hash_length": "bits",
    "learning_rate": "train.lr_head",
    "lr": "train.lr_head",
    "nbits": "bits",
    "num_epochs": "train.epochs",
    "output_dim": "bits",
    "random_seed": "seed",
    "wd": "train.weight_decay",
}
"""What other programs call it."""


def nearest_key(key: str, known: Iterable[str]) -> str | None:
    """Give the known key whose whole name or last part is most like the key's; None where none is like it."""
    last = _last(key)
    if last in ELSEWHERE:
        return ELSEWHERE[last]
    alike = {one: (_ratio(key, one), _ratio(last, _last(one))) for one in known}
    best = max(alike, key=lambda one: (max(alike[one]), sum(alike[one])))
    return best if max(alike[best]) >= LEAST else None


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
