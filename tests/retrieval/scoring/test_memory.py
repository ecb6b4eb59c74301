"""Nothing of the size queries x items is ever held: six times the queries take as much memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from crosshash.codes.hashcodes import HashCodes
from crosshash.codes.quantiser import Codebook
from crosshash.retrieval.codefiles.codeset import CodeSet
from crosshash.retrieval.measures import instance
from crosshash.retrieval.measures.instance import partner_scores
from crosshash.retrieval.measures.precision_recall import curve_ranks
from crosshash.retrieval.ranking import tied_ranking as ranking
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring import two_stage_scores as two_stage
from crosshash.retrieval.scoring.report_measures import MEASURES, PARTNER_MEASURES
from crosshash.retrieval.scoring.tasks import score_task
from crosshash.retrieval.scoring.two_stage_scores import Search, compare_stages
from tests.retrieval.cases import random_codes, random_labels

GENERATOR = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _small_blocks_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSHASH_THREADS", "1")
    monkeypatch.setattr(ranking, "CELLS", 1 << 12)
    monkeypatch.setattr(two_stage, "CELLS", 1 << 13)
    monkeypatch.setattr(instance, "BLOCK", 1 << 16)


def check_growth(score: Callable[[int], object], queries: int, items: int) -> None:
    """Score so many queries, then six times as many: less than half a byte more for each further pair."""
    score(queries)  # compiled code and tables that are kept are no part of it
    peaks = []
    for count in (queries, 6 * queries):
        tracemalloc.start()
        score(count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 5 * queries * items / 2


@pytest.mark.parametrize("ties", get_args(Ties))
def test_of_scores_by_labels(ties: Ties) -> None:
    items = 20_000
    query = random_codes(GENERATOR, 120, 32), random_labels(GENERATOR, 120, 5)
    retrieval = Side.of(random_codes(GENERATOR, items, 32), random_labels(GENERATOR, items, 5))

    def score(count: int) -> object:
        side = Side.of(*(part[:count] for part in query))
        names = [""] * count
        return score_task(
            side, retrieval, MEASURES, curve_ranks(items), ties=ties, undefined="skip", names=names
        )

    check_growth(score, 20, items)


def test_of_scores_by_partner() -> None:
    pool = random_codes(GENERATOR, 20_000, 32)
    check_growth(
        lambda count: partner_scores(pool[:count], pool, PARTNER_MEASURES, ties="expected"), 20, len(pool)
    )


def test_of_reading_labels() -> None:
    """Each look at labels of 80 classes once took 12 bytes for each of them."""
    items = 40_000
    codes, labels = random_codes(GENERATOR, items, 32), random_labels(GENERATOR, items, 80)
    ids = np.arange(items).astype(str)
    tracemalloc.start()
    one = HashCodes(codes, 32, ids)
    there = np.ones(items, bool)
    CodeSet(one, one, labels, np.arange(80).astype(str), there, there)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * items


def test_of_two_stages() -> None:
    items, dim = 3_000, 8
    codes = random_codes(GENERATOR, items, dim)
    labels = random_labels(GENERATOR, items, 4)
    vectors = GENERATOR.normal(size=(items, dim)).astype(np.float32)
    words = GENERATOR.integers(0, 16, (items, 2)).astype(np.uint8)
    book = Codebook(GENERATOR.normal(size=(2, 16, dim)).astype(np.float32))

    def score(count: int) -> object:
        names = np.full(count, "q")
        search = Search(
            (codes[:count], codes), (labels[:count], labels), names, vectors[:count], words, book, vectors
        )
        return compare_stages(search, 100, "expected", "skip")

    check_growth(score, 20, items)
