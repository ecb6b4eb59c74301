"""Bounded search for codes with more words than a Hadamard matrix has."""

from __future__ import annotations

import numpy as np

from crosshash.centers.linear_codes import Bits, extended_bch, quasi_cyclic, shortened, weights
from crosshash.seeding import stream

TRIALS = 4000
"""Quasi-cyclic codes tried; [24,7,10] takes about 200, [32,7,14] and [64,8,28] about 400."""
WORK = 1 << 27
"""At most this many 64-bit words are counted; it shortens the search for many classes or long codes."""
CUTS = 8
"""Random ways tried to cut a code to size."""
CANDIDATES = 32
"""Words compared for each step of the greedy choice."""
WEIGHED = 17
"""Codes of more dimensions are not weighed word by word; their designed distance is taken."""


def linear_code(dimension: int, bits: int) -> tuple[Bits, str]:
    """Find a good linear code: generator uint8[dimension, bits] of that rank, and its name.

    Tries quasi-cyclic codes, extended BCH codes cut to size, and, for lengths above a power of two, an
    extended BCH code beside a code for the other columns. The search has a seed of its own, so that the
    distance reached depends on the two numbers alone; which words are used, and how, is drawn elsewhere.
    """
    rng = stream(0, "codes", "linear", dimension, bits)
    found = [(bch_code(dimension, bits, rng), "extended BCH code")]
    if 1 < dimension <= WEIGHED:
        found.append((quasi_cyclic_code(dimension, bits, rng), "quasi-cyclic code"))
    power = 1 << (bits.bit_length() - 1)
    if bits - power >= dimension:
        left, right = bch_code(dimension, power, rng), linear_code(dimension, bits - power)[0]
        found.append((np.concatenate([left, right], axis=1), "extended BCH code beside a shorter code"))
    ranked = [(_quality(generator), -place) for place, (generator, _) in enumerate(found)]
    generator, name = found[max(range(len(found)), key=lambda place: ranked[place])]
    return generator, f"{name} [{bits},{dimension}]"


def _quality(generator: Bits) -> tuple[int, int, int, int]:
    """Order codes by different nonzero columns, distance, no all-one word (antipodes), few nearest pairs."""
    dimension, bits = generator.shape
    different = len(set((generator.T @ (1 << np.arange(dimension, dtype=np.int64))).tolist()) - {0})
    if dimension > WEIGHED:
        return different, 0, 0, 0
    counts = weights(generator)
    lightest = int(counts.min())
    return different, lightest, -int((counts == bits).any()), -int((counts == lightest).sum())


def quasi_cyclic_code(dimension: int, bits: int, rng: np.random.Generator) -> Bits:
    """Draw circulants of size `dimension`, or one larger and of even weight, and keep the best code.

    Quasi-cyclic codes hold many records among short linear codes (Chen, Peterson & Weldon, Inf. Control 15,
    1969). Columns beyond `bits` are dropped.
    """
    trials = max(8, min(TRIALS, WORK // (2**dimension * -(-bits // 64))))
    best = np.zeros((dimension, bits), dtype=np.uint8)
    best_quality = _quality(best)
    for trial in range(trials):
        size = dimension + trial % 2
        polynomials = rng.integers(0, 2, (-(-bits // size), size), dtype=np.uint8)
        if size > dimension:
            polynomials ^= np.roll(polynomials, 1, axis=1)
        generator = quasi_cyclic(polynomials, dimension)[:, :bits]
        quality = _quality(generator)
        if quality > best_quality:
            best, best_quality = generator, quality
    return best


def bch_code(dimension: int, bits: int, rng: np.random.Generator) -> Bits:
    """Cut the best extended BCH code of the next power of two to size, by shortening and puncturing.

    Shortening by s columns costs s dimensions and no distance, puncturing one column at most 1 of distance.
    """
    m = (bits - 1).bit_length()
    spare = 2**m - bits
    best: tuple[int, Bits, int] | None = None
    for shorten in range(spare + 1):
        code = extended_bch(m, dimension + shorten)
        if code is None:
            break
        generator, designed = code
        shorten = min(spare, len(generator) - dimension)
        distance = designed - (spare - shorten)
        if best is None or distance > best[0]:
            best = distance, generator, shorten
    if best is None:  # as many dimensions as columns
        return np.eye(bits, dtype=np.uint8)
    _, generator, shorten = best
    return max((_cut(generator, shorten, dimension, bits, rng) for _ in range(CUTS)), key=_quality)


def _cut(generator: Bits, shorten: int, dimension: int, bits: int, rng: np.random.Generator) -> Bits:
    """Shorten and puncture at random columns, then keep the first dimensions."""
    generator = generator[:, rng.permutation(generator.shape[1])]
    if shorten:
        return shortened(generator, shorten)[:dimension, :bits]
    if dimension < len(generator):
        # Without the all-one word, the last row, the parity bit would be constant: it joins another row.
        generator[0] ^= generator[-1]
    return generator[:dimension, :bits]


def greedy_code(count: int, bits: int, distance: int, rng: np.random.Generator) -> Bits | None:
    """Pick words of few bits one by one, each ruling out as few as possible; uint8[count, bits] or None."""
    everything = np.arange(2**bits, dtype=np.uint64)
    alive = everything
    chosen: list[int] = []
    while len(chosen) < count and len(alive):
        candidates = alive[rng.integers(len(alive), size=CANDIDATES)]
        allowed = np.bitwise_count(candidates[:, None] ^ alive) >= distance
        best = int(allowed.sum(axis=1).argmax())
        chosen.append(int(candidates[best]))
        alive = alive[allowed[best]]
    if len(chosen) < count:
        return None
    return ((np.array(chosen)[:, None] >> np.arange(bits)) & 1).astype(np.uint8)
