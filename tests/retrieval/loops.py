"""Whole tasks scored by plain loops in float64: what each query scores, and the means over them.

Nothing here is shared with the code: rankings are sorted, and expectations over the orders of tied items
come from dynamic programming over the ranks, one item at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from tests.retrieval import cases

Pair = tuple[int, int]
"""Hamming distance and number of shared labels of an item."""


def pairs(
    query: NDArray[np.uint8],
    items: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    item_labels: NDArray[np.uint8],
) -> list[list[Pair]]:
    """Of each query and item, from bits [N, K] and labels [N, C]."""
    return [
        [
            (int((query[q] != items[j]).sum()), int((labels[q] & item_labels[j]).sum()))
            for j in range(len(items))
        ]
        for q in range(len(query))
    ]


def one_order(found: Sequence[Pair], ties: str) -> list[int]:
    """Shared labels in rank order, under a rule that settles every tie."""
    keys: dict[str, Callable[[int], tuple[int, ...]]] = {
        "by_id": lambda j: (found[j][0], j),
        "optimistic": lambda j: (found[j][0], -found[j][1]),
        "pessimistic": lambda j: (found[j][0], found[j][1]),
    }
    return [found[j][1] for j in sorted(range(len(found)), key=keys[ties])]


def groups(found: Sequence[Pair]) -> list[list[int]]:
    """Shared labels of the items at each distance, nearest first."""
    return [[shared for _, shared in group] for _, group in groupby(sorted(found), key=lambda pair: pair[0])]


class Expected:
    """Expectations over all orders of tied items.

    States: how many relevant items stand among the ranks so far; of each, its probability and the expected
    sum of precisions where it holds.
    """

    def __init__(self, found: Sequence[Pair]) -> None:
        self.groups = groups(found)
        self.size = len(found)
        self.relevant = sum(shared > 0 for _, shared in found)
        self.ideal = sorted((shared for _, shared in found), reverse=True)

        self.known: dict[tuple[int, int], dict[int, tuple[float, float]]] = {}

    def states(self, last_rank: int, most_hits: int) -> dict[int, tuple[float, float]]:
        """After `last_rank` ranks, precisions counted at the first `most_hits` relevant items only."""
        key = min(last_rank, self.size), min(most_hits, self.relevant)
        if key not in self.known:
            self.known[key] = self._states(*key)
        return self.known[key]

    def _states(self, last_rank: int, most_hits: int) -> dict[int, tuple[float, float]]:
        states: dict[int, tuple[float, float]] = {0: (1.0, 0.0)}
        rank, before = 0, 0
        for group in self.groups:
            relevant = sum(shared > 0 for shared in group)
            for place in range(len(group)):
                if rank == last_rank:
                    return states
                rank += 1
                after: dict[int, tuple[float, float]] = {}
                for hits, (probability, total) in states.items():
                    chance = (relevant - (hits - before)) / (len(group) - place)
                    precision = (hits + 1) / rank if hits < most_hits else 0.0
                    for count, share, more in (
                        (hits + 1, chance, probability * precision),
                        (hits, 1 - chance, 0.0),
                    ):
                        if share > 0:
                            old = after.get(count, (0.0, 0.0))
                            after[count] = (old[0] + share * probability, old[1] + share * (total + more))
                states = after
            before += relevant
        return states

    def ap(self, k: int | None = None, norm: str = "min") -> float:
        k = self.size if k is None else k
        if norm == "first":
            ends = self.states(self.size, k)
            return math.fsum(total for _, total in ends.values()) / min(k, self.relevant)
        ends = self.states(k, self.size)
        if norm == "hits":
            return math.fsum(total / hits for hits, (_, total) in ends.items() if hits)
        divisor = min(k, self.relevant) if norm == "min" else self.relevant
        return math.fsum(total for _, total in ends.values()) / divisor

    def hits(self, k: int) -> float:
        return math.fsum(hits * probability for hits, (probability, _) in self.states(k, 0).items())

    def precision(self, k: int) -> float:
        return self.hits(k) / min(k, self.size)

    def recall(self, k: int) -> float:
        return self.hits(k) / self.relevant

    def ndcg(self, k: int) -> float:
        means = [sum(group) / len(group) for group in self.groups for _ in group]

        def gain(grades: Sequence[float]) -> float:
            return math.fsum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))

        return gain(means) / gain(self.ideal)


class OneOrder:
    """The same of one order of grades."""

    def __init__(self, order: list[int]) -> None:
        self.order = order

    def ap(self, k: int | None = None, norm: str = "min") -> float:
        return cases.ap(self.order, k, norm)

    def precision(self, k: int) -> float:
        return cases.precision(self.order, k)

    def recall(self, k: int) -> float:
        return cases.recall(self.order, k)

    def ndcg(self, k: int) -> float:
        return cases.ndcg(self.order, k)


def precision_within(found: Sequence[Pair], radius: int) -> float:
    near = [shared > 0 for distance, shared in found if distance <= radius]
    return sum(near) / len(near) if near else 0.0


def recall_within(found: Sequence[Pair], radius: int) -> float:
    near = sum(distance <= radius and shared > 0 for distance, shared in found)
    return near / sum(shared > 0 for _, shared in found)
