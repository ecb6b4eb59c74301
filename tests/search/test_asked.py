"""Texts beside pictures and items, and pages of hits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosshash.artifacts import read_npz
from crosshash.codes.hashcodes import unpack
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.structures import build_structure
from crosshash.search import Asked, Encoded, Hit, Searcher
from crosshash.search.asked import encode, mixed, of_items
from crosshash.search.item_groups import NumberedItems
from crosshash.search.page import REACH
from tests.search.test_searcher import TEXTS, items_of, pictures_of


def queries(levels: list[list[int]]) -> Encoded:
    array = np.array(levels, np.int8)
    return Encoded(np.packbits(array >= 0, axis=1), array, None)


def test_a_mixed_query_is_the_weighted_sum_of_both_by_hand() -> None:
    """Text (3, 1), |t| = 4, is (.75, .25); picture (-1, 1), |p| = 2, is (-.5, .5).

    With weight .5: (.125, .375). The item ++ scores .5, which is the mean of its scores 1 and 0; the item +-
    scores -.25, the mean of .5 and -1. With weight .8: .8 (.75, .25) + .2 (-.5, .5) = (.5, .3). By roots of
    squares: |t| = 5 of (3, 4), |p| = 10 of (6, -8): (.6, .8) and (.6, -.8), half of each (.6, 0).
    """
    text, picture = queries([[3, 1]]), queries([[-1, 1]])
    for weight, expected in ((0.5, (0.125, 0.375)), (0.8, (0.5, 0.3)), (1, (0.75, 0.25)), (0, (-0.5, 0.5))):
        found = mixed(text, picture, weight, 1)
        assert found.scale is not None
        assert found.levels[0] / found.scale[0] == pytest.approx(expected, abs=1e-6)
        assert found.codes.tolist() == np.packbits([[one >= 0 for one in expected]], axis=1).tolist()
    both = mixed(queries([[3, 4]]), queries([[6, -8]]), 0.5, 2)
    assert both.scale is not None
    assert both.levels[0] / both.scale[0] == pytest.approx((0.6, 0), abs=1e-6)


def shown(hits: list[Hit]) -> list[tuple[str, int | None, float]]:
    return [(hit.id, hit.distance, round(hit.score or 0, 5)) for hit in hits]


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_the_score_of_a_mixed_query_is_the_weighted_mean_of_both(
    trained_project: Path, searcher: Searcher, weight: float
) -> None:
    codes = read_npz(trained_project / "artifacts" / "codes" / "retrieval.npz")["image"]
    items, signs = items_of(trained_project), unpack(codes, searcher.bits).astype(int)
    (data,) = pictures_of(trained_project, 1)
    parts = searcher.encode_texts(TEXTS[:1]), searcher.encode_pictures([data])
    shares = [signs @ one.levels[0].astype(int) / np.abs(one.levels[0].astype(int)).sum() for one in parts]
    wanted = [weight * text + (1 - weight) * picture for text, picture in zip(*shares, strict=True)]
    (hits,) = searcher.find(encode(searcher, [Asked(TEXTS[0], data, weight=weight)]), "i2i", 108)
    assert len(hits) == len(codes) == 108
    by_id = dict(zip(items["id"], wanted, strict=True))
    assert [hit.score for hit in hits] == pytest.approx([by_id[hit.id] for hit in hits], abs=1e-5)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_an_item_asks_by_its_code_and_is_not_among_its_hits(
    trained_project: Path, searcher: Searcher
) -> None:
    codes = read_npz(trained_project / "artifacts" / "codes" / "retrieval.npz")
    items = items_of(trained_project)
    for row in (0, 17):
        query = encode(searcher, [Asked(like=items["id"][row])])
        for task, modality in (("i2i", "image"), ("i2t", "text")):
            for distance in (None, "asymmetric"):
                bits = np.bitwise_count(codes[modality] ^ codes["image"][row]).sum(axis=1)
                wanted = sorted((int(bits[one]), one) for one in range(108) if one != row)
                (hits,) = searcher.find(query, task, 200, (), distance)  # type: ignore[arg-type]
                assert [(hit.id, hit.distance) for hit in hits] == [(items["id"][r], d) for d, r in wanted]
                (page,) = searcher.find(query, task, 5, (), distance, 3)  # type: ignore[arg-type]
                assert page == hits[3:8]


def test_a_text_beside_an_item_leaves_the_item_out_and_weighs_its_bits(searcher: Searcher) -> None:
    item = items_like(searcher)[0]
    text, own = searcher.encode_texts(TEXTS[:1]), of_items(searcher, [item])
    (hits,) = searcher.find(encode(searcher, [Asked(TEXTS[0], like=item, weight=0.25)]), "i2i", 200)
    assert len(hits) == 107
    assert item not in [hit.id for hit in hits]
    for hit in hits[::20]:
        signs = of_items(searcher, [hit.id]).levels[0].astype(int)
        scores = [signs @ one.levels[0] / np.abs(one.levels[0].astype(int)).sum() for one in (text, own)]
        assert hit.score == pytest.approx(0.25 * scores[0] + 0.75 * scores[1], abs=1e-5)


def items_like(searcher: Searcher) -> list[str]:
    return [str(one) for one in searcher.files.items.whole().table["id"].to_pylist()]


def test_several_queries_of_a_kind_are_as_one_by_one(searcher: Searcher) -> None:
    ids = items_like(searcher)[:3]
    asked = [Asked(text, like=item, weight=0.4) for text, item in zip(TEXTS, ids, strict=True)]
    together = searcher.find(encode(searcher, asked), "i2i", 9)
    alone = [searcher.find(encode(searcher, [one]), "i2i", 9)[0] for one in asked]
    assert together == alone


@pytest.mark.parametrize("distance", ["hamming", "asymmetric"])
def test_pages_join_to_the_whole_and_ties_stay_in_place(searcher: Searcher, distance: str) -> None:
    query = searcher.encode_texts(TEXTS)
    whole = searcher.find(query, "t2i", 108, (), distance)  # type: ignore[arg-type]
    assert len({hit.distance for hit in whole[0]}) < 20  # of 108: there are ties on every page
    pages = [searcher.find(query, "t2i", 7, (), distance, start) for start in range(0, 130, 7)]  # type: ignore[arg-type]
    for place, hits in enumerate(whole):
        assert [hit for page in pages for hit in page[place]] == hits
    assert pages[-1] == [[], [], []]


def test_what_cannot_be_asked_or_paged_is_told(searcher: Searcher) -> None:
    item = items_like(searcher)[0]
    query = searcher.encode_texts(TEXTS[:1])
    for top, offset in ((10, -1), (10, REACH - 9), (REACH + 1, 0)):
        with pytest.raises(CrosshashError, match="at most 1000"):
            searcher.find(query, "t2i", top, offset=offset)
    with pytest.raises(CrosshashError, match="no item of the index has the id 'nobody', 'nor he'"):
        encode(searcher, [Asked(like=one) for one in ("nobody", item, "nor he")])
    with pytest.raises(CrosshashError, match="no Hamming distance"):
        searcher.find(encode(searcher, [Asked("a star", like=item)]), "i2i", 3, (), "hamming")
    for problem, parts in (
        ("not both", {"picture": b"x", "like": "x"}),
        ("nothing was given", {}),
        ("weight is 1.5", {"text": "x", "weight": 1.5}),
        ("weight is nan", {"text": "x", "weight": float("nan")}),
    ):
        with pytest.raises(CrosshashError, match=problem):
            Asked(**parts)  # type: ignore[arg-type]


def test_two_that_cancel_out_are_refused() -> None:
    opposite = mixed(queries([[3, -1]]), queries([[-3, 1]]), 0.5, 1)
    assert not opposite.levels.any()
    assert opposite.scale is not None
    assert np.isfinite(opposite.scale).all()


def test_items_ask_where_the_method_quantises_and_where_vectors_are_read(
    quantising: Path, of_vectors: Path
) -> None:
    """HQ's items ask by their bits; a model of vectors reads no words but those of its bag."""
    hq, vectors = Searcher.open(quantising), Searcher.open(of_vectors)
    for searcher in (hq, vectors):
        item = items_like(searcher)[4]
        (hits,) = searcher.find(encode(searcher, [Asked(like=item)]), "i2i", 5)
        assert [hit.distance for hit in hits] == sorted(hit.distance or 0 for hit in hits)
        assert item not in [hit.id for hit in hits]
        (hits,) = searcher.find(encode(searcher, [Asked("a cat", like=item)]), "i2i", 5)
        assert all(hit.score is not None for hit in hits)
    (first,) = hq.find(hq.encode_texts(TEXTS[:1]), "t2i", 80)
    (page,) = hq.find(hq.encode_texts(TEXTS[:1]), "t2i", 20, offset=40)
    assert page == first[40:60]  # 50 are ordered anew, the others follow


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_pages_of_approximate_indexes_neither_overlap_nor_skip(searcher: Searcher, kind: Any) -> None:  # noqa: ANN401
    """3,000 codes around 60 prototypes; the pages together are what is found in one go."""
    random = np.random.default_rng(0)
    packed = random.integers(0, 256, (60, 2), dtype=np.uint8)[random.integers(0, 60, 3000)]
    packed ^= np.packbits(random.random((3000, 16)) < 0.08, axis=1)
    rows = np.arange(3000)
    codes = CodeIndex(packed, rows, build_structure(kind, packed, rows, 0))
    index = replace(searcher.files, codes={"image": codes, "text": codes}, items=NumberedItems(3000))
    many, query = replace(searcher, index=index), searcher.encode_texts(TEXTS)
    for distance in ("hamming", "asymmetric"):
        whole = many.find(query, "t2i", REACH, (), distance)  # type: ignore[arg-type]
        pages = [
            many.find(query, "t2i", 125, (), distance, start)  # type: ignore[arg-type]
            for start in range(0, REACH, 125)
        ]
        for place, hits in enumerate(whole):
            assert len({hit.id for hit in hits}) == REACH
            assert [hit for page in pages for hit in page[place]] == hits
