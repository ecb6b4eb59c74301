"""The nearest of very many codes, found by their parts (multi-index hashing; Norouzi et al., CVPR 2012)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled
from crosshash.retrieval.ranking.histogram import popcount


@compiled
def nearest_by_parts(
    asked_NV: NDArray[np.uint64],
    parts_NM: NDArray[np.uint32],
    flips_M: NDArray[np.int64],
    starts_MB: NDArray[np.int32],
    sorted_MLV: NDArray[np.uint64],
    numbers_ML: NDArray[np.uint32],
    most: int,
    found_N: NDArray[np.uint32],
    distances_N: NDArray[np.uint32],
) -> None:
    """Compare each code with those that have one of its parts, but for a bit: numbers and distances.

    Of N codes and L known ones, V words and M parts long: values of the parts, how many bits these have, and
    the known codes sorted by each part, which begin at `starts_MB` for each value. Exact where the nearest is
    below 2 M bits away. most: known codes that one is compared with, those without a flipped bit first.
    """
    for n in range(len(asked_NV)):
        best = np.uint64(1 << 30)
        number = np.uint32(0)
        compared = 0
        for flip in range(flips_M.max() + 1):
            if compared >= most:
                break
            for m in range(len(flips_M)):
                if flip > flips_M[m]:
                    continue
                value = parts_NM[n, m]
                if flip > 0:
                    value ^= np.uint32(1 << (flip - 1))
                for place in range(starts_MB[m, value], starts_MB[m, value + 1]):
                    distance = np.uint64(0)
                    for v in range(asked_NV.shape[1]):
                        distance += popcount(asked_NV[n, v] ^ sorted_MLV[m, place, v])
                    compared += 1
                    if distance < best:
                        best = distance
                        number = numbers_ML[m, place]
        found_N[n] = number
        distances_N[n] = best
