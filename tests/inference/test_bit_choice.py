from __future__ import annotations

import logging

import numpy as np
import pytest

from crosshash.codes.bit_index import MEASURES, most_significant
from crosshash.codes.hashcodes import HashCodes, pack
from crosshash.inference import bit_choice
from crosshash.inference.bit_choice import choose_bits
from crosshash.retrieval.codefiles.codeset import CodeSet
from crosshash.retrieval.measures.mean_ap import mean_average_precision

CLASSES = ("a", "b", "c")
BITS = 12


def encoded(items: int, seed: int, labelled: bool = True) -> CodeSet:
    """Items of one class each; the first 6 bits show it, rather noisily, the others are noise."""
    generator = np.random.default_rng(seed)
    classes = np.arange(items) % 3
    shown = np.random.default_rng(99).choice([-1.0, 1.0], (3, 6))
    image, text = (
        pack(np.hstack([shown[classes], np.zeros((items, 6))]) + generator.normal(size=(items, BITS)))
        for _ in range(2)
    )
    labels = np.eye(3, dtype=np.uint8)[classes] * np.uint8(labelled)
    ids, there = np.array([f"{seed}/{item}" for item in range(items)]), np.ones(items, bool)
    codes = HashCodes(image, BITS, ids), HashCodes(text, BITS, ids)
    return CodeSet(*codes, labels, np.array(CLASSES), there, labels.any(axis=1))


def significances() -> dict[str, np.ndarray]:
    """Only `activity` points at the bits that show the class."""
    rising = np.arange(BITS) / BITS
    return {"weights": rising, "activity": -rising, "alignment": rising % 0.5}


def test_auto_takes_what_serves_the_validation_queries_best() -> None:
    val, train = encoded(15, 0), encoded(60, 1)
    found = choose_bits(significances(), "auto", 6, val, train)
    assert found.chosen == "activity"
    assert found.index.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.validation is not None
    asked, held = val.labels, train.labels
    for name in MEASURES:
        index = most_significant(significances()[name], 6)
        for task, asks, answers in (("i2t", "image", "text"), ("t2i", "text", "image")):
            query, database = (
                np.packbits(np.unpackbits(part.packed(modality), axis=1)[:, index], axis=1)
                for part, modality in ((val, asks), (train, answers))
            )
            expected = mean_average_precision(query, database, asked, held)
            assert found.validation[name][task] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("wanted", MEASURES)
def test_a_measure_that_is_named_decides_whatever_it_scores(wanted: str) -> None:
    found = choose_bits(significances(), wanted, 5, encoded(15, 0), encoded(60, 1))
    assert found.chosen == wanted
    assert np.array_equal(found.index, most_significant(significances()[wanted], 5))
    assert found.validation is not None
    assert found.validation.keys() == set(MEASURES)


def test_all_bits_are_delivered_in_their_own_order() -> None:
    for wanted in ("auto", "weights"):
        found = choose_bits(significances(), wanted, BITS, encoded(15, 0), encoded(60, 1))
        assert found.index.tolist() == list(range(BITS))
        assert (found.chosen, found.validation) == (None, None)
        assert found.significances.keys() == set(MEASURES)


@pytest.mark.parametrize(
    ("val", "reason"),
    [
        (None, "there are no validation queries:"),
        (encoded(15, 0, labelled=False), "no validation query has a relevant training item:"),
    ],
)
def test_without_a_score_auto_is_alignment(
    val: CodeSet | None, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = choose_bits(significances(), "auto", 4, val, encoded(60, 1))
    assert (found.chosen, found.validation) == ("alignment", None)
    assert np.array_equal(found.index, most_significant(significances()["alignment"], 4))
    assert reason in caplog.text


def test_no_more_training_items_are_searched_than_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores are those of the first 20 alone, and others than those of all 60."""
    monkeypatch.setattr(bit_choice, "VALIDATED", 20)
    val, train = encoded(15, 0), encoded(60, 1)
    first = choose_bits(significances(), "auto", 6, val, train.take(np.arange(20)))
    assert choose_bits(significances(), "auto", 6, val, train).validation == first.validation
    monkeypatch.setattr(bit_choice, "VALIDATED", 60)
    assert choose_bits(significances(), "auto", 6, val, train).validation != first.validation
