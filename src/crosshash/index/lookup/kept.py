"""The best items of each query so far, places int64[Q, T], scores float64[Q, T]: heaps, the worst in front.

Of equal scores the later place is the worse. Whole arrays are handed on, not rows of them: numba counts the
references of each view, one processor after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled


@compiled
def rise(
    query: int,
    places: NDArray[np.int64],
    scores: NDArray[np.float64],
    at: int | np.int64,
    place: int | np.int64,
    score: float,
) -> None:
    """Put one more item behind the first `at` of a query, and bring the worst to the front."""
    while at:
        above = (at - 1) // 2
        if score > scores[query, above] or (score == scores[query, above] and place < places[query, above]):
            break
        places[query, at], scores[query, at] = places[query, above], scores[query, above]
        at = above
    places[query, at], scores[query, at] = place, score


@compiled
def sink(
    query: int,
    places: NDArray[np.int64],
    scores: NDArray[np.float64],
    count: int,
    place: int | np.int64,
    score: float,
) -> None:
    """Put an item in the place of the worst of a query's first `count`, and the now worst to the front."""
    at = 0
    while 2 * at + 1 < count:
        below = 2 * at + 1
        if below + 1 < count:
            one, other = scores[query, below], scores[query, below + 1]
            if other < one or (other == one and places[query, below + 1] > places[query, below]):
                below += 1
        if score < scores[query, below] or (score == scores[query, below] and place > places[query, below]):
            break
        places[query, at], scores[query, at] = places[query, below], scores[query, below]
        at = below
    places[query, at], scores[query, at] = place, score


@compiled
def sort_kept(query: int, kept: int, places: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    """Order what is kept, the worst in front so far, by falling score, then place."""
    for count in range(kept - 1, 0, -1):
        place, score = places[query, count], scores[query, count]
        places[query, count], scores[query, count] = places[query, 0], scores[query, 0]
        sink(query, places, scores, count, place, score)
