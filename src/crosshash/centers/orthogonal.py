"""Words at half their length from one another, from Hadamard matrices: at most twice as many as bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.centers.hadamard import hadamard, next_order

Words = NDArray[np.int8]


def orders(bits: int) -> list[int]:
    """Give the Hadamard orders to start from: the next one, and the one below when `bits` itself is none."""
    above = next_order(bits)
    below = next((n for n in range(bits - 1, 0, -1) if next_order(n) == n), 0)
    return [above] if above == bits or not below else [above, below]


def half_distance(count: int, order: int, rng: np.random.Generator) -> tuple[Words, str]:
    """Draw `count` words int8[count, order] with distances of at least order / 2; count <= 2 order.

    Up to `order` words: rows, distances exactly order / 2. Above: quadruples of sum zero where the order
    allows, and only for the rest a row and its negative.
    """
    if count <= order:
        return rows(count, order, rng), f"rows of a Hadamard matrix of order {order}"
    groups = quadruples_needed(count, order)
    if not groups:
        return with_negatives(count, order, rng), f"rows and negatives of a Hadamard matrix of order {order}"
    words = with_quadruples(count, order, groups, rng)
    return words, f"order {order}: {groups} quadruples of sum zero among orthogonal words"


def rows(count: int, order: int, rng: np.random.Generator) -> Words:
    """Draw rows and their signs; the all-one row only when every row is needed."""
    matrix = _matrix(order)
    first = 1 if count < order else 0
    drawn = first + rng.choice(order - first, count, replace=False)
    return matrix[drawn] * _signs(rng, (count, 1))


def with_negatives(count: int, order: int, rng: np.random.Generator) -> Words:
    """Take every row, with a random sign, and the negatives of some."""
    matrix = _matrix(order)[rng.permutation(order)] * _signs(rng, (order, 1))
    return np.concatenate([matrix, -matrix[: count - order]])


def quadruples_needed(count: int, order: int) -> int:
    """Give the even number of quadruples that leaves the fewest antipodal pairs; 0 where there are none.

    A quadruple takes three dimensions for four words, a pair one for two, so g quadruples leave
    count - order - g pairs for at most order - 3 g dimensions.
    """
    if hadamard(order // 4) is None:
        return 0
    halves = min(-(-(count - order) // 2), (2 * order - count) // 4)
    return 2 * max(0, halves)


def with_quadruples(count: int, order: int, groups: int, rng: np.random.Generator) -> Words:
    """Build order + groups words without antipodal pairs, and negatives of orthogonal ones above that number.

    Take u on one half of the columns and v, w on the two quarters of the other half: the words u + v + w,
    u - v - w, -u + v - w, -u - v + w have sum zero and distances order / 2 or 3/4 order. Rows q of a Hadamard
    matrix of a quarter of the order give v = (q, 0), w = (0, q); the halves u and what is left over come from
    (q, q) and (q, -q) of other q. All quadruples and the words left over are orthogonal to one another.
    """
    side = groups // 2
    lefts, rights = _half_basis(order, side, rng), _half_basis(order, side, rng)
    words: list[Words] = []
    for (full, quarter), turn in (((lefts[0], rights[1]), 1), ((rights[0], lefts[1]), -1)):
        for u, q in zip(full[:side], quarter, strict=True):
            nothing = np.zeros_like(q)
            v, w = np.append(q, nothing), np.append(nothing, q)
            four = [np.append(*((a * u, b * v + c * w)[::turn])) for a, b, c in _SUM_ZERO]
            words.append(np.stack(four) * _signs(rng, (1, 1)))
    pairs = zip(lefts[0][side:], rights[0][side:], strict=True)
    single = [np.append(left, sign * right) for left, right in pairs for sign in (1, -1)]
    rest = np.array(single, dtype=np.int8).reshape(-1, order) * _signs(rng, (len(single), 1))
    rest = rest[rng.permutation(len(rest))]
    missing = count - 4 * groups
    negatives = max(0, missing - len(rest))
    return np.concatenate([*words, rest[:missing], -rest[:negatives]]).astype(np.int8)


_SUM_ZERO = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))


def _half_basis(order: int, side: int, rng: np.random.Generator) -> tuple[list[Words], list[Words]]:
    """Split the rows q of the quarter-order matrix: `side` of them kept, the others as (q, q) and (q, -q)."""
    quarter = _matrix(order // 4)
    quarter = quarter[rng.permutation(len(quarter))] * _signs(rng, (1, len(quarter)))
    full = [np.append(q, sign * q) for q in quarter[side:] for sign in (1, -1)]
    return [full[i] for i in rng.permutation(len(full))], list(quarter[:side])


def fitted(words: Words, bits: int, negatable: bool, rng: np.random.Generator) -> Words:
    """Bring words to `bits` columns: drop random ones, or add ones that split the words evenly.

    Where words may be negated without harm (`negatable`), the first dropped column is made constant before,
    so that dropping it costs no distance.
    """
    count, order = words.shape
    if order >= bits:
        words = words[:, rng.permutation(order)]
        if order > bits and negatable:
            words = words * words[:, -1:]
        return words[:, :bits]
    even = np.where(np.arange(count) % 2, 1, -1).astype(np.int8)
    added = [even[rng.permutation(count)] for _ in range(bits - order)]
    return np.concatenate([words, np.stack(added, axis=1)], axis=1)


def _matrix(order: int) -> Words:
    matrix = hadamard(order)
    if matrix is None:
        raise ValueError(f"no Hadamard matrix of order {order} is built here; see `next_order`")
    return matrix


def _signs(rng: np.random.Generator, shape: tuple[int, int]) -> Words:
    return rng.choice(np.array([-1, 1], dtype=np.int8), shape)
