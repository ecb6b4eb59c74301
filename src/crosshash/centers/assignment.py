"""Which class gets which word: words that cancel each other go to classes that seldom meet on one item."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.int8]

CLASSES = 512
"""With more classes the drawn order stays: the exchange below costs the third power."""
FEW, STARTS = 128, 4
"""Up to so many classes, so many orders are drawn to start from: exchanges only find a near optimum."""
BLOCK = 1 << 14
"""Items whose labels are counted at a time."""
SWEEPS = 20
WORK = 1 << 29
"""Bounds sweeps x classes^3: 4 sweeps are left for as many classes as are exchanged."""


def assigned(words: Words, labels: NDArray[np.generic], rng: np.random.Generator) -> Words:
    """Order words int8[C, K] for classes whose training labels are [N, C].

    Two words at more than half the length cancel: an item with both classes is left to the tie bits, wholly
    so for a word and its negative. Exchanging two classes' words, as long as that helps, lowers the sum over
    pairs of (items with both classes) x (share of bits by which the distance is above half)^2.
    """
    count, bits = words.shape
    words = words[rng.permutation(count)]
    if count > CLASSES:
        return words
    signs = words.astype(np.float64)
    cancelling = np.maximum(0.0, -(signs @ signs.T) / bits) ** 2
    if not cancelling.any():
        return words
    together = _together(np.asarray(labels))
    starts = STARTS if count <= FEW else 1
    found = [_exchanged(together, cancelling, rng.permutation(count)) for _ in range(starts)]
    return words[min(found, key=lambda order: float((together * cancelling[np.ix_(order, order)]).sum()))]


def _together(labels: NDArray[np.generic]) -> NDArray[np.float64]:
    """Count the items with both of two different classes: float64[C, C], whole numbers."""
    together = np.zeros((labels.shape[1], labels.shape[1]))
    for start in range(0, len(labels), BLOCK):
        present = (labels[start : start + BLOCK] != 0).astype(np.float64)
        together += present.T @ present
    np.fill_diagonal(together, 0.0)
    return together


def _exchanged(
    together: NDArray[np.float64], cancelling: NDArray[np.float64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Improve which word each class has, by exchanges; both matrices are symmetric, zero on the diagonal."""
    cost = cancelling[np.ix_(order, order)]
    own = (together * cost).sum(axis=1)
    for _ in range(min(SWEEPS, WORK // len(order) ** 3)):
        changed = False
        for one in range(len(order)):
            # What class `one` would pay with the word of another, plus what that one would pay with its word;
            # between the two the cost stays, which the sums leave out twice.
            mixed = together[one] @ cost + together @ cost[one] + 2 * together[one] * cost[one]
            change = mixed - own - own[one]
            other = int(change.argmin())
            if change[other] < -1e-9:
                order[[one, other]] = order[[other, one]]
                cost[[one, other]] = cost[[other, one]]
                cost[:, [one, other]] = cost[:, [other, one]]
                own = (together * cost).sum(axis=1)
                changed = True
        if not changed:
            break
    return order
