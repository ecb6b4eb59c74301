"""Additive quantisation: a vector as the sum of one word from each of M dictionaries, kept as M word numbers.

Source: HQ, arXiv 2202.10232: k-means at the start, then iterated conditional modes for the words' numbers and
least squares for the words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError

RIDGE = 1e-3
BLOCK = 16384  # vectors whose words are looked for at once
KMEANS_ITEMS = 256  # vectors per word that k-means looks at, at most

Vectors = NDArray[np.float32]
Words = NDArray[np.int64]


@dataclass(frozen=True)
class Codebook:
    """Dictionaries float32[M, W, d], shared by images and texts.

    Raises:
        CrosshashError: another shape, or numbers that are none.
    """

    dictionaries: Vectors

    def __post_init__(self) -> None:
        if self.dictionaries.ndim != 3 or not np.isfinite(self.dictionaries).all():
            raise CrosshashError(
                f"a codebook is float[M, W, d] of finite numbers, not {list(self.dictionaries.shape)}."
            )

    def decode(self, words: Words) -> Vectors:
        """Give the sums of the words: int[N, M] to float32[N, d]."""
        total = np.zeros((len(words), self.dictionaries.shape[2]), np.float32)
        for m, dictionary in enumerate(self.dictionaries):
            total += dictionary[words[:, m]]
        return total

    def encode(self, vectors: Vectors, sweeps: int = 3) -> Words:
        """Find words for vectors float[N, d]: greedily, one by one, then `sweeps` rounds of ICM."""
        words = np.zeros((len(vectors), len(self.dictionaries)), np.int64)
        for start in range(0, len(vectors), BLOCK):
            rows = slice(start, start + BLOCK)
            words[rows] = self._greedy(vectors[rows])
        for _ in range(sweeps):
            words = self.sweep(vectors, words)
        return words

    def sweep(self, vectors: Vectors, words: Words) -> Words:
        """One round of ICM: each dictionary in turn takes the nearest word to what the others leave over."""
        new = words.copy()
        for start in range(0, len(vectors), BLOCK):
            rows = slice(start, start + BLOCK)
            rest = vectors[rows] - self.decode(new[rows])
            for m, dictionary in enumerate(self.dictionaries):
                rest += dictionary[new[rows, m]]
                new[rows, m] = _nearest(rest, dictionary)
                rest -= dictionary[new[rows, m]]
        return new

    def _greedy(self, vectors: Vectors) -> Words:
        rest = vectors.astype(np.float32, copy=True)
        found = []
        for dictionary in self.dictionaries:
            found.append(_nearest(rest, dictionary))
            rest -= dictionary[found[-1]]
        return np.stack(found, axis=1)


def start_codebook(vectors: Vectors, dictionaries: int, words: int, seed: int) -> Codebook:
    """k-means on each of M blocks of d / M dimensions; zeros elsewhere.

    vectors: float32[N, d].

    Raises:
        CrosshashError: M does not divide d, or there are fewer vectors than words.
    """
    from sklearn.cluster import KMeans

    dim = vectors.shape[1]
    if dim % dictionaries:
        raise CrosshashError(
            f"params.yaml: hq.dictionaries: {dictionaries} does not divide {dim} bits; choose a divisor."
        )
    if len(vectors) < words:
        raise CrosshashError(
            f"params.yaml: hq.words: {words} words, but only {len(vectors)} training vectors. Lower hq.words."
        )
    width = dim // dictionaries
    chosen = np.random.default_rng(seed).permutation(len(vectors))[: KMEANS_ITEMS * words]
    book = np.zeros((dictionaries, words, dim), np.float32)
    for m in range(dictionaries):
        block = slice(m * width, (m + 1) * width)
        means = KMeans(words, n_init=1, max_iter=50, random_state=seed % 2**32)
        book[m, :, block] = means.fit(vectors[chosen][:, block]).cluster_centers_
    return Codebook(book)


def fit_codebook(vectors: Vectors, words: Words, size: int) -> Codebook:
    """Least squares for the words, given their numbers: Cb = (H'H + 0.001 I)^-1 H'U.

    vectors: U float[N, d]; words: int[N, M]; size: W. H'H is counted, H never made.
    """
    count = words.shape[1]
    columns = words + np.arange(count) * size
    gram = np.zeros((count * size, count * size))
    for m in range(count):
        for other in range(count):
            np.add.at(gram, (columns[:, m], columns[:, other]), 1.0)
    right = np.zeros((count * size, vectors.shape[1]))
    for m in range(count):
        np.add.at(right, columns[:, m], vectors)
    solved = np.linalg.solve(gram + RIDGE * np.eye(len(gram)), right)
    return Codebook(solved.reshape(count, size, -1).astype(np.float32))


def _nearest(vectors: Vectors, dictionary: Vectors) -> Words:
    """Number of the nearest word for each vector; of equally near ones the first."""
    distances = np.square(dictionary).sum(1) - 2 * vectors @ dictionary.T
    return np.asarray(distances.argmin(axis=1))
