"""Hash centres: one code word per class, far from one another, drawn by seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from crosshash.centers import orthogonal
from crosshash.centers.assignment import assigned
from crosshash.centers.bounds import best_known_distance
from crosshash.centers.center_book import CenterBook
from crosshash.centers.code_search import greedy_code, linear_code
from crosshash.centers.linear_codes import Bits, encode, nordstrom_robinson
from crosshash.centers.statistics import constant_columns, distinct_columns, pair_statistics
from crosshash.errors import CrosshashError
from crosshash.seeding import stream

Words = NDArray[np.int8]
Candidate = tuple[Words, str]

DRAWS = 24
"""Draws of rows, of which the best is kept; the first with nothing to wish for ends them."""
TIE_DRAWS = 32
GREEDY_BITS = 12
GREEDY_TRIES = 24


def make_centers(
    classes: Sequence[str] | NDArray[np.str_],
    bits: int,
    seed: int,
    name: str,
    train_labels: NDArray[np.generic] | None = None,
) -> tuple[CenterBook, str]:
    """Make centres of `bits` bits for the classes, and say how they were constructed.

    name: the stream of randomness, "long" or "short". train_labels [N, C]: words that cancel each other are
    given to classes that seldom stand on one item; without labels the lot decides.

    Raises:
        CrosshashError: more classes than words of this length, or no class.
    """
    count = len(classes)
    check_room(count, bits)
    words, construction = code_words(count, bits, stream(seed, "centers", name, "words"))
    rng = stream(seed, "centers", name, "classes")
    words = words[rng.permutation(count)] if train_labels is None else assigned(words, train_labels, rng)
    tie_bits = draw_tie_bits(words, stream(seed, "centers", name, "tie_bits"))
    return CenterBook(words, np.asarray(classes, dtype=np.str_), tie_bits), construction


def check_room(count: int, bits: int) -> None:
    """Refuse what cannot be: no class, or more classes than there are words."""
    if count < 1:
        raise CrosshashError(
            "there is no class to make a hash centre for; the data need labels for this method."
        )
    needed = max(1, (count - 1).bit_length())
    if bits < needed:
        raise CrosshashError(
            f"{count} classes do not fit into {bits} bits, which have {2 ** max(bits, 0)} different codes: "
            f"set bits (and the method's train_bits) in params.yaml to at least {needed}."
        )


def code_words(count: int, bits: int, rng: np.random.Generator) -> Candidate:
    """Choose the best construction for `count` words of `bits` bits: int8[count, bits] of +-1, and its name.

    Best means, in this order: fewest constant bits, most different bits, largest minimum distance, fewest
    antipodal pairs. Bits are negated and shuffled at the end, so that no class has a telling word.
    """
    found = list(_candidates(count, bits, rng))
    words, construction = (
        found[0] if len(found) == 1 else max(found, key=lambda candidate: _quality(candidate[0]))
    )
    flips = rng.choice(np.array([-1, 1], dtype=np.int8), bits)
    return (words * flips)[:, rng.permutation(bits)], construction


def draw_tie_bits(words: Words, rng: np.random.Generator) -> NDArray[np.int8]:
    """Draw the bits that fill ties, int8[K]: of some draws the one that resembles the classes least.

    Half of the bits of an item with two labels come from here. A tie vector near a third class would bring
    all such items near that class.
    """
    draws = rng.choice(np.array([-1, 1], dtype=np.int8), (TIE_DRAWS, words.shape[1]))
    likeness = draws.astype(np.float32) @ words.T.astype(np.float32) / words.shape[1]
    chosen: NDArray[np.int8] = draws[int((np.maximum(0, likeness) ** 2).sum(axis=1).argmin())]
    return chosen


def _quality(words: Words) -> tuple[int, int, int, int]:
    distance, antipodal = pair_statistics(words)
    return -constant_columns(words), distinct_columns(words), distance or 0, -antipodal


def _candidates(count: int, bits: int, rng: np.random.Generator) -> Iterator[Candidate]:
    """Yield words from every construction that makes sense for these numbers."""
    if count == 1:
        yield np.ones((1, bits), dtype=np.int8), "one word"
        return
    splits = 2 ** (count - 1) - 1
    if splits <= bits:
        yield _all_splits(count, bits, splits, rng)
        return
    if count <= 2 * bits:
        yield from _orthogonal(count, bits, rng)
    if count > 2 * bits or (count > bits and orthogonal.orders(bits) != [bits]):
        yield from _beyond(count, bits, rng)
    if bits <= GREEDY_BITS:
        yield from _greedy(count, bits, rng)


def _all_splits(count: int, bits: int, splits: int, rng: np.random.Generator) -> Candidate:
    """Use every split of few classes into two parts equally often; what is left over is a smaller code.

    More different bits there cannot be: a bit and its negative split alike, a constant bit splits nothing.
    """
    patterns = (np.arange(1, splits + 1) >> np.arange(count - 1)[:, None]) & 1
    every = np.concatenate([np.zeros((1, splits), dtype=np.int64), patterns])
    words = np.tile((2 * every - 1).astype(np.int8), bits // splits)
    rest = bits % splits
    if rest and count <= 2**rest:
        words = np.concatenate([words, code_words(count, rest, rng)[0]], axis=1)
    elif rest:
        words = np.concatenate([words, words[:, rng.permutation(splits)[:rest]]], axis=1)
    return words, f"all {splits} splits of {count} classes, in turn"


def _orthogonal(count: int, bits: int, rng: np.random.Generator) -> Iterator[Candidate]:
    """Yield Hadamard words, brought to length, until a draw has all bits different and none constant."""
    for order in orthogonal.orders(bits):
        if count > 2 * order:
            continue
        for _ in range(DRAWS if count <= 512 else 3):
            words, construction = orthogonal.half_distance(count, order, rng)
            words = orthogonal.fitted(words, bits, count <= order, rng)
            yield words, construction + ("" if order == bits else f", brought to {bits} bits")
            if order == bits and distinct_columns(words) == bits and not constant_columns(words):
                break


def _beyond(count: int, bits: int, rng: np.random.Generator) -> Iterator[Candidate]:
    """Yield words of codes that hold more words than a Hadamard matrix."""
    generator, construction = linear_code((count - 1).bit_length(), bits)
    every = encode(np.arange(2 ** len(generator)), generator)
    for _ in range(DRAWS if count <= 512 else 1):
        yield _signs(_chosen(every, count, rng)), construction
    if 12 <= bits <= 18 and count <= 256:
        # Any five of its bits take all values equally often, so each of them that is fixed halves the words.
        fixed = min(max(0, 16 - bits), 8 - (count - 1).bit_length())
        every = nordstrom_robinson()[:, rng.permutation(16)]
        every = every[~every[:, :fixed].any(axis=1), fixed:]
        for _ in range(DRAWS):
            words = orthogonal.fitted(_signs(_chosen(every, count, rng)), bits, False, rng)
            yield words, "words of the Nordstrom-Robinson code"


def _greedy(count: int, bits: int, rng: np.random.Generator) -> Iterator[Candidate]:
    """Yield greedy codes of few bits, as far as the bound leaves hope, from far to near."""
    highest, _ = best_known_distance(count, bits)
    for distance in range(highest, 1, -1):
        for _ in range(GREEDY_TRIES):
            found = greedy_code(count, bits, distance, rng)
            if found is not None:
                yield _signs(found), "greedy code"
                return


def _chosen(every: Bits, count: int, rng: np.random.Generator) -> Bits:
    """Draw `count` words of a code, a word and its negative only when there is no other left."""
    every = every[rng.permutation(len(every))]
    pairs = np.packbits(every ^ every[:, :1], axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    others = np.setdiff1d(np.arange(len(every)), first)
    order = np.concatenate([rng.permutation(first), rng.permutation(others)])
    chosen: Bits = every[order[:count]]
    return chosen


def _signs(bits: Bits) -> Words:
    """Turn 0 and 1 into -1 and +1."""
    return (2 * bits.astype(np.int8) - 1).astype(np.int8)
