from __future__ import annotations

import numpy as np
import pytest

from crosshash.codes.bit_index import MEASURES, BitIndex
from crosshash.codes.hashcodes import pack
from crosshash.retrieval.measures.mean_ap import Undefined, mean_average_precision
from crosshash.retrieval.scoring.evaluation import task_map
from crosshash.retrieval.scoring.significance import (
    RANDOM,
    random_subsets,
    significance_section,
    significance_table,
    subset_maps,
)
from tests.retrieval.sets import code_set, random_set

BITS = 20
QUERY = random_set("q", np.random.default_rng(0), 9, BITS)
RETRIEVAL = random_set("r", np.random.default_rng(1), 40, BITS)


def chosen(index: list[int], measure: str | None = "activity") -> BitIndex:
    significances = {name: np.arange(BITS) / BITS for name in MEASURES}
    significances["activity"] = -np.arange(BITS) / BITS
    return BitIndex(np.array(index, np.int64), significances, measure, None)


def test_subsets_are_scored_as_codes_of_their_bits() -> None:
    index = np.array([13, 2, 7, 19])
    for task, asks, answers in (("i2t", "image", "text"), ("t2i", "text", "image")):
        asked, held = getattr(QUERY, asks).signs(), getattr(RETRIEVAL, answers).signs()
        labels = QUERY.labels, RETRIEVAL.labels
        found = subset_maps(QUERY, RETRIEVAL, task, [index, np.arange(BITS)], "expected", "skip")
        assert found[0] == mean_average_precision(pack(asked[:, index]), pack(held[:, index]), *labels)
        assert found[1] == mean_average_precision(pack(asked), pack(held), *labels)


def test_items_without_text_or_label_take_no_part() -> None:
    has_text = [place != 3 for place in range(40)]
    has_labels = [place != 5 for place in range(40)]
    signs = RETRIEVAL.image.signs(), RETRIEVAL.text.signs()
    gappy = code_set("r", *signs, RETRIEVAL.labels, has_text, has_labels)
    kept = np.array(has_text) & np.array(has_labels)
    less = code_set("r", signs[0][kept], signs[1][kept], RETRIEVAL.labels[kept])
    index = [np.arange(6)]
    found = subset_maps(QUERY, gappy, "i2t", index, "expected", "skip")
    assert found == subset_maps(QUERY, less, "i2t", index, "expected", "skip")


@pytest.mark.parametrize("undefined", ["skip", "zero"])
@pytest.mark.parametrize("task", ["i2t", "t2i"])
def test_all_bits_score_as_the_task_does(task: str, undefined: Undefined) -> None:
    """Of the queries q0 has no text, q1 no labels and q2 no label that counts; some items lack them, too."""
    query, retrieval = (
        code_set(
            name,
            codes.image.signs(),
            codes.text.signs(),
            codes.labels * (np.arange(len(codes)) % 7 > 0)[::-1, None],
            (np.arange(len(codes)) % 9 != 0).tolist(),
            (np.arange(len(codes)) % 9 != 1).tolist(),
        )
        for name, codes in (("q", QUERY), ("r", RETRIEVAL))
    )
    query.labels[1:3] = 0
    expected = task_map(query, retrieval, task, "expected", undefined)
    found = subset_maps(query, retrieval, task, [np.arange(BITS)], "expected", undefined)
    assert found.tolist() == [expected]
    section = significance_section(chosen(list(range(BITS))), query, retrieval, "expected", undefined, seed=0)
    assert section is not None
    assert section[task] == pytest.approx(
        {"mAP": expected, "random_mean": expected, "random_deviation": 0}, abs=1e-6
    )


def test_random_subsets_are_of_different_bits_and_follow_the_seed() -> None:
    drawn = random_subsets(BITS, 5, seed=0)
    assert len(drawn) == RANDOM == 20
    for index in drawn:
        assert len(set(index.tolist())) == 5
        assert set(index.tolist()) <= set(range(BITS))
    assert len({tuple(index) for index in drawn}) > 15
    again = random_subsets(BITS, 5, seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(drawn, again, strict=True))
    other = random_subsets(BITS, 5, seed=1)
    assert not all(np.array_equal(a, b) for a, b in zip(drawn, other, strict=True))


def test_the_delivered_bits_stand_beside_chance() -> None:
    kept = chosen([0, 1, 2, 3])
    section = significance_section(kept, QUERY, RETRIEVAL, "expected", "skip", seed=3)
    assert section is not None
    assert list(section) == ["measure", "i2t", "t2i"]
    assert section["measure"] == "activity"
    subsets = random_subsets(BITS, 4, 3)
    for task in ("i2t", "t2i"):
        drawn = subset_maps(QUERY, RETRIEVAL, task, subsets, "expected", "skip").tolist()
        mean = sum(drawn) / 20
        deviation = (sum((value - mean) ** 2 for value in drawn) / 19) ** 0.5
        (own,) = subset_maps(QUERY, RETRIEVAL, task, [kept.index], "expected", "skip")
        expected = {"mAP": own, "random_mean": mean, "random_deviation": deviation}
        assert section[task] == pytest.approx(expected, abs=1e-6)


def test_where_nothing_is_cut_or_known_there_is_no_section() -> None:
    unlabelled = code_set("q", QUERY.image.signs(), QUERY.text.signs(), QUERY.labels * 0, None, [False] * 9)
    for kept, query in ((None, QUERY), (chosen(list(range(BITS)), None), QUERY), (chosen([1]), unlabelled)):
        assert significance_section(kept, query, RETRIEVAL, "expected", "skip", 0) is None


def test_the_table_has_a_row_per_bit() -> None:
    """activity falls from bit 0 on, so the rank is the bit; alignment, which rises, does not decide."""
    table = significance_table(chosen([0, 1, 2]))
    assert list(table.columns) == ["bit", *MEASURES, "rank", "kept"]
    assert table["bit"].tolist() == table["rank"].tolist() == list(range(BITS))
    assert table["kept"].tolist() == [1] * 3 + [0] * (BITS - 3)
    assert table["kept"].dtype == np.int64
    assert table["activity"].tolist() == [round(-b / BITS, 6) for b in range(BITS)]
    backwards = significance_table(chosen([19, 18], "alignment"))
    assert backwards["rank"].tolist() == list(range(BITS))[::-1]
    assert backwards["kept"].tolist() == [0] * (BITS - 2) + [1] * 2
    uncut = significance_table(chosen(list(range(BITS)), None))
    assert uncut["rank"].tolist() == list(range(BITS))
    assert uncut["kept"].all()


def test_the_table_of_other_methods_is_a_header() -> None:
    table = significance_table(None)
    assert list(table.columns) == ["bit", "weights", "activity", "alignment", "rank", "kept"]
    assert len(table) == 0
