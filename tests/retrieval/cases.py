"""Small searches with chosen distances and shared labels, and their measures by loops over all orders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, permutations, product

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.histogram import Side

BITS = 12
CLASSES = 5


def search(distances: Sequence[int], grades: Sequence[int]) -> tuple[Side, Side]:
    """A query with all labels and code 0; item j differs in distances[j] bits, shares grades[j] labels."""
    codes = np.array([[bit < d for bit in range(BITS)] for d in distances])
    labels = np.array([[c < g for c in range(CLASSES)] for g in grades], dtype=np.uint8)
    query = Side.of(np.packbits(np.zeros((1, BITS), bool), axis=1), np.ones((1, CLASSES), np.uint8))
    return query, Side.of(np.packbits(codes, axis=1), labels)


def random_search(generator: np.random.Generator) -> tuple[list[int], list[int]]:
    """Distances and grades of up to 7 items, many of them tied, at least one relevant."""
    size = int(generator.integers(1, 8))
    distances = generator.integers(0, 4, size=size).tolist()
    grades = generator.integers(0, 4, size=size) * (generator.random(size) < 0.6)
    grades[generator.integers(size)] = generator.integers(1, 4)
    return distances, grades.tolist()


def orders(distances: Sequence[int], grades: Sequence[int]) -> Iterator[list[int]]:
    """Grades in rank order, for every order of the items inside their tie groups."""
    items = sorted(range(len(distances)), key=lambda j: distances[j])
    groups = [list(group) for _, group in groupby(items, key=lambda j: distances[j])]
    for choice in product(*(permutations(group) for group in groups)):
        yield [grades[j] for group in choice for j in group]


def mean_over_orders(
    measure: Callable[[list[int]], float], distances: Sequence[int], grades: Sequence[int]
) -> float:
    values = [measure(order) for order in orders(distances, grades)]
    return math.fsum(values) / len(values)


def ap(order: list[int], k: int | None = None, norm: str = "min") -> float:
    """Average precision of one order of grades."""
    k = len(order) if k is None else k
    hits, counted, total = 0, 0, 0.0
    for rank, grade in enumerate(order, start=1):
        hits += grade > 0
        if grade > 0 and (hits <= k if norm == "first" else rank <= k):
            counted += 1
            total += hits / rank
    divisor = {"hits": counted, "first": counted, "min": min(k, hits), "all": hits}[norm]
    return total / divisor if divisor else 0.0


def precision(order: list[int], k: int) -> float:
    return sum(grade > 0 for grade in order[:k]) / min(k, len(order))


def recall(order: list[int], k: int) -> float:
    return sum(grade > 0 for grade in order[:k]) / sum(grade > 0 for grade in order)


def ndcg(order: list[int], k: int) -> float:
    def gain(grades: list[int]) -> float:
        return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))

    return gain(order) / gain(sorted(order, reverse=True))


def random_codes(generator: np.random.Generator, items: int, bits: int) -> NDArray[np.uint8]:
    return np.packbits(generator.integers(0, 2, size=(items, bits)), axis=1)


def random_labels(
    generator: np.random.Generator, items: int, classes: int, share: float = 0.3
) -> NDArray[np.uint8]:
    return (generator.random((items, classes)) < share).astype(np.uint8)
