"""Which class gets which word: words that cancel each other go to classes that seldom meet on one item."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.int8]

CLASSES = 1024
"""With more classes the drawn order stays: the exchange below costs the third power."""
SWEEPS = 20


def assigned(words: Words, labels: NDArray[np.generic], rng: np.random.Generator) -> Words:
    """Order words int8[C, K] for classes whose training labels are [N, C].

    Two words at more than half the length cancel: an item with both classes is left to the tie bits, wholly
    so for a word and its negative. Exchanging two classes' words, as long as that helps, lowers the sum over
    pairs of (items with both classes) x (share of bits by which the distance is above half)^2.
    """
    count, bits = words.shape
    words = words[rng.permutation(count)]
    signs = words.astype(np.float64)
    cancelling = np.maximum(0.0, -(signs @ signs.T) / bits) ** 2
    if not cancelling.any() or count > CLASSES:
        return words
    present = (np.asarray(labels) != 0).astype(np.float64)
    together = present.T @ present
    np.fill_diagonal(together, 0.0)
    return words[_exchanged(together, cancelling)]


def _exchanged(together: NDArray[np.float64], cancelling: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the word of each class after exchanges; both matrices are symmetric, zero on the diagonal."""
    order = np.arange(len(together))
    for _ in range(SWEEPS):
        changed = False
        for one in range(len(order)):
            cost = cancelling[np.ix_(order, order)]
            # mixed[i]: what class `one` would pay with the word of i, plus what i would pay with its word.
            mixed = together[one] @ cost + together @ cost[one]
            own = (together * cost).sum(axis=1)
            # Between the two exchanged classes themselves the cost stays; `mixed` counts it as zero twice.
            change = mixed + 2 * together[one] * cost[one] - own - own[one]
            other = int(change.argmin())
            if change[other] < -1e-9:
                order[[one, other]] = order[[other, one]]
                changed = True
        if not changed:
            break
    return order
