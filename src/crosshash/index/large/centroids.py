"""Centroids in their hundred thousands: learned and looked up without comparing each with every code.

With fewer lists than there are groups of alike codes, groups share lists and are split: at 1,000,000 codes
around 1,000 prototypes 2,048 lists need 0.1 % of the codes for a recall of 0.97, 512 lists 6 %. So many
centroids are looked up by parts of the code (multi-index hashing, Norouzi et al., CVPR 2012): who is near
agrees in one part, but for a bit at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hamming import words
from crosshash.index.exact import Codes, scan
from crosshash.retrieval.ranking.multi_index import nearest_by_parts
from crosshash.retrieval.ranking.parallel import over_blocks
from crosshash.seeding import stream

DIRECT = 2_048  # centroids that are all compared
ALONE = 2  # bytes of a code so short that every possible one has a list
COMPARED = 4_096  # centroids that a code is compared with
CODES = 1 << 14  # looked up at once
ROUNDS = 6
RENEWED = 1 / 16  # share of the centroids that move to codes far from all, in the first half of the rounds

Numbers = NDArray[np.uint32]


@dataclass(frozen=True)
class Centroids:
    """Centroids uint8[L, W], numbered."""

    packed: Codes

    def assigned(self, codes: Codes) -> tuple[Numbers, Numbers]:
        """Give the number of a nearest centroid, nearly always, and its distance: uint32[N] twice.

        codes: packed uint8[N, W].
        """
        if len(self.packed) == 256 ** codes.shape[1]:
            return values(codes), np.zeros(len(codes), np.uint32)
        numbers, distances = np.empty(len(codes), np.uint32), np.empty(len(codes), np.uint32)
        _ = self._by_parts if len(self.packed) > DIRECT else None  # once, not by each thread

        def work(block: range) -> None:
            chosen = slice(block.start, block.stop)
            self._nearest(codes[chosen], numbers[chosen], distances[chosen])

        over_blocks(work, [range(at, min(at + CODES, len(codes))) for at in range(0, len(codes), CODES)])
        return numbers, distances

    def _nearest(self, codes: Codes, numbers: Numbers, distances: Numbers) -> None:
        if len(self.packed) <= DIRECT:
            left = np.arange(len(codes))
        else:
            self._look_up(codes, numbers, distances)
            left = np.flatnonzero(distances > 8 * codes.shape[1])  # no part of theirs is that of a centroid
        if len(left):
            places, counted = scan(codes[left], self.packed, 1)
            numbers[left], distances[left] = places[:, 0], counted[:, 0]

    def _look_up(self, codes: Codes, numbers: Numbers, distances: Numbers) -> None:
        parts, lengths, starts, known, order = self._by_parts
        asked = np.stack([values(_part(codes, part)) for part in parts], axis=1)
        own = words(codes).T.copy()
        nearest_by_parts(own, asked, lengths, starts, known, order, COMPARED, numbers, distances)

    @cached_property
    def _by_parts(self) -> tuple[Any, ...]:
        """Give the parts of a code, their lengths, and the centroids sorted by the value of each part."""
        bits, longest = 8 * self.packed.shape[1], min(16, int(np.log2(len(self.packed))) - 2)
        parts = np.array_split(np.arange(bits), -(-bits // longest))
        of_parts = [values(_part(self.packed, part)) for part in parts]
        orders = np.stack([np.argsort(each, kind="stable") for each in of_parts])
        starts = [
            np.searchsorted(each[order], np.arange(2**longest + 1))
            for each, order in zip(of_parts, orders, strict=True)
        ]
        lengths = np.array([len(part) for part in parts])
        return (
            parts,
            lengths,
            np.stack(starts).astype(np.int32),
            words(self.packed).T[orders],
            orders.astype(np.uint32),
        )


def every_code(width: int) -> Centroids:
    """Give a centroid for each possible code of so few bytes, its number the code itself."""
    numbers = np.arange(256**width, dtype=">u4")
    return Centroids(np.ascontiguousarray(numbers[:, None].view(np.uint8)[:, 4 - width :]))


def learned(sample: Codes, count: int, seed: int) -> Centroids:
    """Learn centroids by k-majority: the nearest of each code, then each bit as most of its codes have it.

    sample: packed uint8[n, W], several for each of the `count` centroids. Those with the fewest codes are
    moved to codes far from any, since random first ones leave groups without a centroid.
    """
    generator = stream(seed, "index", "k-majority")
    centroids = Centroids(sample[np.sort(generator.permutation(len(sample))[:count])])
    for turn in range(ROUNDS):
        numbers, distances = centroids.assigned(sample)
        packed, sizes = _majorities(sample, numbers, centroids.packed)
        if turn < ROUNDS // 2:
            few = max(1, int(RENEWED * count))
            far = np.argsort(distances, kind="stable")[-4 * few :]
            packed[np.argsort(sizes, kind="stable")[:few]] = sample[generator.permutation(far)[:few]]
        centroids = Centroids(packed)
    return centroids


def values(codes: Codes) -> Numbers:
    """Read codes uint8[N, W] of at most four bytes as numbers, the first bit the highest."""
    whole = np.zeros((len(codes), 4), np.uint8)
    whole[:, 4 - codes.shape[1] :] = codes
    return whole.view(">u4")[:, 0].astype(np.uint32)


def _part(codes: Codes, bits: NDArray[np.intp]) -> Codes:
    """Give some bits of each code side by side, packed at the low end: uint8[N, ceil(len(bits) / 8)]."""
    first, end = bits[0] // 8, bits[-1] // 8 + 1
    if bits[0] % 8 == 0 and bits[-1] % 8 == 7:
        return codes[:, first:end]
    chosen = np.unpackbits(codes[:, first:end], axis=1)[:, bits - 8 * first]
    return np.packbits(np.pad(chosen, ((0, 0), (-len(bits) % 8, 0))), axis=1)


def _majorities(sample: Codes, numbers: Numbers, before: Codes) -> tuple[Codes, NDArray[np.int64]]:
    """Give each centroid the bits that most of its codes have; without codes it stays. Also the sizes."""
    sizes = np.bincount(numbers, minlength=len(before))
    order = np.argsort(numbers, kind="stable")
    there = np.flatnonzero(sizes)
    starts = (np.cumsum(sizes) - sizes)[there]
    after = before.copy()
    for column in range(sample.shape[1]):
        bits = np.unpackbits(sample[order, column][:, None], axis=1).astype(np.uint16)
        counts = np.add.reduceat(bits, starts, axis=0)
        after[there, column] = np.packbits(2 * counts > sizes[there, None], axis=1)[:, 0]
    return after, sizes
