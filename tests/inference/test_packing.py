from __future__ import annotations

import numpy as np

from crosshash.centers.transform import apply_transform
from crosshash.codes.hashcodes import pack
from crosshash.codes.trained_codes import Block
from crosshash.inference.packing import delivered, pack_items
from tests.methods.cases import BITS, SHORT, inputs

MATRIX = inputs().short_matrix
assert MATRIX is not None


def block(items: int = 9) -> Block:
    image, text = np.random.default_rng(0).uniform(-1, 1, (2, items, BITS)).astype(np.float16)
    has_text = np.arange(items) != 2
    text[2] = 0
    return Block(np.arange(items), image, text, has_text)


def halves(whole: Block) -> list[Block]:
    parts = (np.arange(5, 9), np.arange(5))
    return [Block(p, whole.image[p], whole.text[p], whole.has_text[p]) for p in parts]


def test_codes_are_the_signs_in_both_lengths_and_zero_without_text() -> None:
    whole = block()
    found = pack_items(halves(whole), 9, BITS, MATRIX, np.array([1, 7]))
    assert np.array_equal(found.long["image"], pack(whole.image))
    assert np.array_equal(found.short["image"], pack(apply_transform(whole.image, MATRIX)))
    there = [0, 1, 3, 4, 5, 6, 7, 8]
    assert np.array_equal(found.long["text"][there], pack(whole.text)[there])
    assert np.array_equal(found.short["text"][there], pack(apply_transform(whole.text, MATRIX))[there])
    assert not found.long["text"][2].any()
    assert not found.short["text"][2].any()
    assert found.has_text.tolist() == whole.has_text.tolist()
    assert np.array_equal(found.real["image"], whole.image[[1, 7]])
    assert np.array_equal(found.real["text"], whole.text[[1, 7]])


def test_without_a_transform_the_short_code_is_the_long_one() -> None:
    found = pack_items([block()], 9, BITS, None, np.array([], np.int64))
    assert np.array_equal(found.short["image"], found.long["image"])
    assert found.real["image"].shape == (0, BITS)


def test_real_codes_are_shortened_as_their_signs_are() -> None:
    real = block().image
    assert np.array_equal(pack(delivered(real, MATRIX, None)), pack(apply_transform(real, MATRIX)))
    assert delivered(real, MATRIX, None).shape == (9, SHORT)
    assert np.array_equal(delivered(real, None, np.array([3, 1])), real[:, [3, 1]].astype(np.float32))
    assert np.array_equal(delivered(real, None, None), real.astype(np.float32))


def test_a_code_of_zero_counts_as_plus() -> None:
    zeros = np.zeros((1, BITS), np.float16)
    found = pack_items([Block(np.arange(1), zeros, -zeros, np.ones(1, bool))], 1, BITS, None, np.arange(1))
    assert found.long["image"].tolist() == found.long["text"].tolist() == [[255]]
