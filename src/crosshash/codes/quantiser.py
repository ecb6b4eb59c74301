"""Additive quantisation: a vector as the sum of one word from each of M dictionaries, kept as M word numbers.

Source: HQ, arXiv 2202.10232: k-means at the start, then iterated conditional modes for the words' numbers and
least squares for the words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

from crosshash.errors import CrosshashError
from crosshash.seeding import stream, stream_seed

RIDGE = 1e-3
CELLS = 1 << 22  # distances between vectors and words that are held at once
KMEANS_ITEMS = 128  # vectors per word that k-means looks at, at most
KMEANS_ROUNDS = 25
STARTS = 4  # known combinations of words that the search for a vector's words starts from
SWEEPS = 3  # from each of them

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
        shape = self.dictionaries.shape
        if len(shape) != 3 or not all(shape):
            raise CrosshashError(f"a codebook is float[M, W, d], not {list(shape)}.")
        if not np.isfinite(self.dictionaries).all():
            raise CrosshashError("the codebook holds values that are no finite numbers.")

    def decode(self, words: NDArray[np.integer]) -> Vectors:
        """Give the sums of the words: int[N, M] to float32[N, d]."""
        total = np.zeros((len(words), self.dictionaries.shape[2]), np.float32)
        for m, dictionary in enumerate(self.dictionaries):
            total += dictionary[words[:, m]]
        return total

    def encode(self, vectors: Vectors, known: Words) -> Words:
        """Find words int[N, M] for vectors float[N, d]: ICM from the nearest of some known combinations.

        known: int[S, M], such as the words of training vectors. From a start far away, such as one word after
        the other, ICM ends far away: words that only make sense together are never found one by one.
        """
        starts = self._nearest_known(vectors, known)
        best = self._settled(vectors, known[starts[:, 0]])
        errors = self.errors(vectors, best)
        for start in starts.T[1:]:
            words = self._settled(vectors, known[start])
            found = self.errors(vectors, words)
            better = found < errors
            best[better], errors[better] = words[better], found[better]
        return best

    def sweep(self, vectors: Vectors, words: Words) -> Words:
        """One round of ICM: each dictionary in turn takes the nearest word to what the others leave over."""
        new = words.copy()
        for rows in self._blocks(len(vectors)):
            rest = vectors[rows] - self.decode(new[rows])
            for m, dictionary in enumerate(self.dictionaries):
                rest += dictionary[new[rows, m]]
                new[rows, m] = _distances(rest, dictionary).argmin(axis=1)  # of equal ones the first
                rest -= dictionary[new[rows, m]]
        return new

    def errors(self, vectors: Vectors, words: Words) -> NDArray[np.float32]:
        """Squared distance of each vector to the sum of its words: float32[N]."""
        parts = [
            np.square(vectors[rows] - self.decode(words[rows])).sum(1) for rows in self._blocks(len(words))
        ]
        return np.concatenate(parts)

    def _nearest_known(self, vectors: Vectors, known: Words) -> Words:
        """Give places of the nearest combinations, nearest first: int[N, STARTS], or as many as there are."""
        sums = self.decode(known)
        count = min(STARTS, len(known))
        nearest = np.zeros((len(vectors), count), np.int64)
        for rows in self._blocks(len(vectors), len(known)):
            nearest[rows] = np.argsort(_distances(vectors[rows], sums), axis=1, kind="stable")[:, :count]
        return nearest

    def _settled(self, vectors: Vectors, words: Words) -> Words:
        for _ in range(SWEEPS):
            words = self.sweep(vectors, words)
        return words

    def _blocks(self, count: int, width: int = 0) -> Iterator[slice]:
        step = max(1, CELLS // max(width, *self.dictionaries.shape[1:]))
        return (slice(start, start + step) for start in range(0, count, step))


def start_codebook(vectors: Vectors, dictionaries: int, words: int, seed: int) -> Codebook:
    """k-means on each of M blocks of d / M dimensions; zeros elsewhere.

    vectors: float32[N, d].

    Raises:
        CrosshashError: M does not divide d, or there are fewer vectors than words.
    """
    dim = vectors.shape[1]
    if dim % dictionaries:
        raise CrosshashError(
            f"params.yaml: hq.dictionaries: {dictionaries} does not divide {dim} bits; choose a divisor."
        )
    if len(vectors) < words:
        raise CrosshashError(
            f"params.yaml: hq.words: {words} words, but only {len(vectors)} training vectors. Lower hq.words."
        )
    book = np.zeros((dictionaries, words, dim), np.float32)
    for m, means in enumerate(block_means(vectors, dictionaries, words, seed)):
        book[m, :, m * means.shape[1] : (m + 1) * means.shape[1]] = means
    return Codebook(book)


def block_means(vectors: Vectors, dictionaries: int, words: int, seed: int) -> Vectors:
    """Run k-means on each of M blocks of d / M dimensions of float32[N, d]: float32[M, W, d / M].

    It sees some of the vectors where there are many. It runs on one thread: the sums of several are added up
    in the order in which they end.
    """
    from sklearn.cluster import KMeans

    width = vectors.shape[1] // dictionaries
    chosen = stream(seed, "k-means", "items").permutation(len(vectors))[: KMEANS_ITEMS * words]
    found = np.zeros((dictionaries, words, width), np.float32)
    with threadpool_limits(1):
        for m in range(dictionaries):
            state = stream_seed(seed, "k-means", m) % 2**32
            means = KMeans(words, n_init=1, max_iter=KMEANS_ROUNDS, random_state=state)
            found[m] = means.fit(vectors[chosen, m * width : (m + 1) * width]).cluster_centers_
    return found


def fit_codebook(vectors: Vectors, words: Words, size: int) -> Codebook:
    """Least squares for the words, given their numbers: Cb = (H'H + 0.001 I)^-1 H'U.

    vectors: U float[N, d]; words: int[N, M]; size: W. H is a sparse matrix [N, M W], 1 where a vector uses a
    word. A word that no vector uses comes out as zero.
    """
    from scipy.linalg import solve  # a quarter of a second, which all who only read codes do without
    from scipy.sparse import csr_array

    items, count = words.shape
    columns = (words + np.arange(count) * size).ravel()
    starts = np.arange(0, items * count + 1, count)
    chosen = csr_array((np.ones(items * count), columns, starts), shape=(items, count * size))
    gram = (chosen.T @ chosen).toarray()
    gram[np.diag_indices(len(gram))] += RIDGE
    solved = solve(gram, chosen.T @ vectors, assume_a="pos")
    return Codebook(solved.reshape(count, size, -1).astype(np.float32))


def revived(book: Codebook, vectors: Vectors, words: Words) -> Codebook:
    """Give every word that no vector uses a use: it becomes what one of the worst coded vectors lacks.

    The code of no vector changes here; the next sweep may choose the new words.
    """
    count, size, _ = book.dictionaries.shape
    unused = [(m, word) for m in range(count) for word in np.setdiff1d(np.arange(size), words[:, m])]
    worst = np.argsort(-book.errors(vectors, words), kind="stable")[: len(unused)]
    lacking = vectors[worst] - book.decode(words[worst])
    dictionaries = book.dictionaries.copy()
    for (m, word), item, lack in zip(unused, worst, lacking, strict=False):  # as far as there are vectors
        dictionaries[m, word] = book.dictionaries[m, words[item, m]] + lack
    return Codebook(dictionaries)


def _distances(vectors: Vectors, words: Vectors) -> Vectors:
    """Squared distances, without the part that is the same for all words: float32[N, W]."""
    return np.asarray(np.square(words).sum(axis=1) - 2 * (vectors @ words.T))
