from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.index.large import centroids as room
from crosshash.index.large.centroids import Centroids, _majorities, _part, every_code, learned, values
from tests.index.codes import clustered


def distances_by_loops(codes: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.array([[np.unpackbits(code ^ one).sum() for one in known] for code in codes])


@given(st.integers(0, 2**32), st.sampled_from([3, 4, 8, 16]), st.integers(20, 400))
@settings(max_examples=25, deadline=None)
def test_the_nearest_is_found_wherever_a_part_agrees_but_for_a_bit(seed: int, width: int, count: int) -> None:
    """Of M parts, fewer than 2 M different bits leave one with at most one: it is looked up."""
    generator = np.random.default_rng(seed)
    known = np.unique(generator.integers(0, 256, (count, width), np.uint8), axis=0)
    flips = np.packbits(generator.random((40, 8 * width)) < 0.05, axis=1)
    codes = known[generator.integers(len(known), size=40)] ^ flips
    codes[0] = ~known[0]  # likely far from all
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "DIRECT", 0)
        centroids = Centroids(known)
        numbers, told = centroids.assigned(codes)
        parts = len(centroids._by_parts[0])
    every = distances_by_loops(codes, known)
    assert np.array_equal(told, every[np.arange(40), numbers])
    near = every.min(axis=1) < 2 * parts
    assert np.array_equal(told[near], every.min(axis=1)[near])


def test_few_centroids_are_all_compared() -> None:
    codes, known = clustered(0, 50), clustered(1, 20)
    numbers, told = Centroids(known).assigned(codes)
    every = distances_by_loops(codes, known)
    assert (numbers.dtype, told.dtype) == (np.uint32, np.uint32)
    assert np.array_equal(told, every.min(axis=1))
    assert np.array_equal(every[np.arange(50), numbers], told)


@pytest.mark.parametrize("width", [1, 2])
def test_short_codes_have_a_centroid_each(width: int) -> None:
    centroids = every_code(width)
    assert centroids.packed.shape == (256**width, width)
    codes = np.random.default_rng(0).integers(0, 256, (100, width), np.uint8)
    numbers, told = centroids.assigned(codes)
    assert (numbers.dtype, told.dtype) == (np.uint32, np.uint32)
    assert np.array_equal(centroids.packed[numbers], codes)
    assert not told.any()


def test_codes_read_as_numbers() -> None:
    """First byte highest: 1 * 256 + 2 = 258."""
    assert values(np.array([[1, 2]], np.uint8)).tolist() == [258]
    assert values(np.array([[1, 0, 0, 0]], np.uint8)).tolist() == [2**24]


def test_every_group_of_codes_gets_a_centroid() -> None:
    """Random first ones leave out e^-4 of the groups at four centroids each; moved ones reach these."""
    sample = clustered(0, 4_000, centers=40)
    centroids = learned(sample, 160, seed=0)
    _, told = centroids.assigned(clustered(1, 1_000, centers=40))
    assert (
        told.mean() < 6.5
    )  # of 64 bits 8 % are flipped, 5.1; those of a group without one are 20 and more away
    assert told.max() < 20
    again = learned(sample, 160, seed=0)
    assert np.array_equal(centroids.packed, again.packed)


def test_the_seed_draws_the_first_centroids() -> None:
    sample = clustered(0, 400)
    one, other = (learned(sample, 16, seed).packed for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_centroids_that_no_code_is_near_move_to_codes_far_from_all() -> None:
    """Zeros but for 20 codes, 8 bits from them and 16 from one another. Of 32 centroids 32 / 16 = 2 move in a
    round, in the first 3 of 6 rounds: beside what is drawn at first, 2 * 3 = 6 of the 20 are reached.
    """
    far = 255 * np.eye(20, dtype=np.uint8)
    sample = np.concatenate([np.zeros((1_000, 20), np.uint8), far, np.zeros((1_000, 20), np.uint8)])
    centroids = learned(sample, 32, seed=0).packed
    assert len(np.unique(centroids, axis=0)) >= 1 + 6
    assert all((far == one).all(axis=1).any() for one in centroids if one.any())


@pytest.mark.parametrize("length", [1, 5, 8, 9, 15, 16])
def test_parts_of_codes_are_bits_of_whole_numbers(length: int) -> None:
    """A code of 72 bits is one number; a part of it, that number shifted and masked."""
    codes = np.random.default_rng(0).integers(0, 256, (20, 9), np.uint8)
    numbers = [int.from_bytes(code.tobytes()) for code in codes]
    for first in range(72 - length + 1):
        part = values(_part(codes, np.arange(first, first + length)))
        assert part.tolist() == [number >> (72 - first - length) & (2**length - 1) for number in numbers]


def test_majorities_by_hand() -> None:
    """Centroid 0 has 1100, 1010 and 1000: of the three, the first bit in 3, the next in 1 each, so 1000.
    Centroid 1 has 0110 and 0011: one bit is in both, the half is no majority, so 0010. The others have no
    code and stay.
    """
    sample = np.array([[0b1100], [0b0110], [0b1010], [0b0011], [0b1000]], np.uint8)
    before = np.array([[1], [2], [7], [9]], np.uint8)
    after, sizes = _majorities(sample, np.array([0, 1, 0, 1, 0], np.uint32), before)
    assert after.ravel().tolist() == [0b1000, 0b0010, 7, 9]
    assert sizes.tolist() == [3, 2, 0, 0]
    assert before.ravel().tolist() == [1, 2, 7, 9]


@pytest.mark.parametrize(("count", "width"), [(256, 1), (512, 2), (100, 2)])
def test_short_codes_find_the_nearest_of_some_centroids(count: int, width: int) -> None:
    """Only where there is one for every code of so many bytes, the code is its number."""
    generator = np.random.default_rng(0)
    known = generator.permutation(every_code(width).packed)[:count]
    codes = generator.integers(0, 256, (60, width), np.uint8)
    if count == 256**width:
        known = every_code(width).packed
    numbers, told = Centroids(known).assigned(codes)
    every = distances_by_loops(codes, known)
    assert np.array_equal(told, every.min(axis=1))
    assert np.array_equal(every[np.arange(60), numbers], told)


def test_what_agrees_with_no_centroid_in_any_part_is_compared_with_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """64 centroids are looked up by 4 bits: theirs have one bit at most, the code has all four."""
    monkeypatch.setattr(room, "DIRECT", 0)
    halves = np.array([0, 1, 2, 4, 8], np.uint8)[np.random.default_rng(0).integers(5, size=(2, 64, 8))]
    known = halves[0] << 4 | halves[1]
    codes = np.concatenate([np.full((1, 8), 255, np.uint8), known[5:6]])
    numbers, told = Centroids(known).assigned(codes)
    every = distances_by_loops(codes, known)
    assert told.tolist() == every.min(axis=1).tolist()
    assert every[[0, 1], numbers].tolist() == told.tolist()
