from __future__ import annotations

import numpy as np
import pytest

from crosshash.codes.hashcodes import HashCodes, pack
from crosshash.codes.real_codes import query_levels
from crosshash.inference.distance_choice import choose_distance
from crosshash.retrieval.codefiles.codeset import CodeSet, Modality

BITS = 8


def side(real: np.ndarray, labels: np.ndarray, name: str) -> CodeSet:
    ids, there = np.array([f"{name}{row}" for row in range(len(real))]), np.ones(len(real), bool)
    codes = HashCodes(pack(real), BITS, ids)
    return CodeSet(codes, codes, labels.astype(np.uint8), np.array(["a", "b"]), there, labels.any(axis=1))


def both(real: np.ndarray) -> dict[Modality, np.ndarray]:
    return {"image": query_levels(real), "text": query_levels(real)}


def made(noise_on: str) -> tuple[CodeSet, np.ndarray, CodeSet]:
    """Class a is +, b is - in all bits; queries are wrong in three bits, weakly or strongly sure of those."""
    generator = np.random.default_rng(0)
    labels = np.eye(2)[np.arange(60) % 2]
    truth = np.where(labels[:, :1] > 0, 1.0, -1.0) * np.ones(BITS)
    items = truth * np.where(generator.random(truth.shape) < 0.3, -1, 1)
    wrong = generator.permuted(np.arange(BITS) < 3 + np.zeros((60, 1)), axis=1)
    weak, strong = (0.1, 1.0) if noise_on == "weak bits" else (1.0, 0.1)
    real = np.where(wrong, -weak * truth, strong * truth)
    return side(real, labels, "q"), real, side(items, labels, "r")


@pytest.mark.parametrize(("noise_on", "chosen"), [("weak bits", "asymmetric"), ("strong bits", "hamming")])
def test_the_better_one_on_the_validation_queries(noise_on: str, chosen: str) -> None:
    val, real, train = made(noise_on)
    found = choose_distance(val, both(real), train)
    assert found.chosen == chosen
    assert found.validation is not None
    means = {name: sum(scores.values()) / 2 for name, scores in found.validation.items()}
    assert max(means, key=means.__getitem__) == chosen
    told = f"hamming {means['hamming']:.4f}, asymmetric {means['asymmetric']:.4f}"
    assert found.reason == f"mAP of the validation queries, mean of i2t and t2i: {told}"


def test_where_nothing_can_be_scored_the_finer_one_is_taken() -> None:
    _, real, train = made("strong bits")
    alone = side(real, np.zeros((60, 2)), "q")
    for queries in (None, alone):
        found = choose_distance(queries, both(real), train)
        assert (found.chosen, found.validation) == ("asymmetric", None)
        assert "no validation queries with labels" in found.reason


def test_equal_scores_mean_hamming_distance() -> None:
    labels = np.eye(2)
    real = np.where(labels[:, :1] > 0, 1.0, -1.0) * np.ones(BITS)
    assert choose_distance(side(real, labels, "q"), both(real), side(real, labels, "r")).chosen == "hamming"
