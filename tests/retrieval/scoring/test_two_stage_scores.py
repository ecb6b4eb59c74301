from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from crosshash.codes.quantiser import Codebook
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import CodeSet
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.rerank.quantised import QuantisedSet
from crosshash.retrieval.scoring import two_stage_scores as two_stage
from crosshash.retrieval.scoring.evaluation import evaluate
from crosshash.retrieval.scoring.two_stage_scores import (
    Search,
    candidate_table,
    compare_stages,
    compare_tasks,
    two_stage_search,
    two_stage_section,
)
from tests.retrieval.sets import code_set

Q, N, D = 9, 150, 8
ALL_TIES: tuple[Ties, ...] = ("expected", "by_id", "optimistic", "pessimistic")


def drawn(dictionaries: int = 2, words: int = 4) -> tuple[CodeSet, CodeSet, QuantisedSet, dict]:  # type: ignore[type-arg]
    """Sets of 8 bits with real vectors; one item without text, one query and one item without labels."""
    generator = np.random.default_rng(0)

    def side(prefix: str, items: int) -> tuple[CodeSet, dict]:  # type: ignore[type-arg]
        labels = generator.random((items, 4)) < 0.3
        hints = labels @ generator.normal(0, 1, (4, D))
        real = {
            name: (hints + generator.normal(0, 1, (items, D))).astype(np.float32)
            for name in ("image", "text")
        }
        signs = {name: np.where(vectors >= 0, 1, -1) for name, vectors in real.items()}
        has_text = np.arange(items) != 5 if prefix == "r" else np.ones(items, bool)
        has_labels = np.arange(items) != 3
        return code_set(
            prefix,
            signs["image"],
            signs["text"],
            labels * has_labels[:, None],
            has_text.tolist(),
            has_labels.tolist(),
        ), real

    (query, queries), (retrieval, real) = side("q", Q), side("r", N)
    book = Codebook(generator.normal(0, 1, (dictionaries, words, D)).astype(np.float32))
    known = np.array(list(product(range(words), repeat=dictionaries)))
    coded = {name: book.encode(vectors, known).astype(np.uint8) for name, vectors in real.items()}
    return query, retrieval, QuantisedSet(book, coded, queries), real  # type: ignore[arg-type]


def searched(task: str, dictionaries: int = 2) -> Search:
    return two_stage_search(*drawn(dictionaries), task)


def ranked_lists(search: Search, size: int) -> dict[str, list[list[int]]]:
    """Every way's ranking by loops: a list of items per query, ties by row."""
    book = search.codebook
    decoded = book.decode(search.words)
    lists: dict[str, list[list[int]]] = {"hash": [], "quantised": [], "real": [], "reranked": []}
    items = range(len(decoded))
    for q, vector in enumerate(search.vectors):
        table = [
            sum(int(byte).bit_count() for byte in search.codes[0][q] ^ search.codes[1][j]) for j in items
        ]
        scores = [float(np.float64(vector) @ np.float64(decoded[j])) for j in items]
        scores = [round(score, 4) for score in scores]  # equal words are equal here, too
        near = sorted(items, key=lambda j: (table[j], j))
        lists["hash"].append(near)
        lists["quantised"].append(sorted(items, key=lambda j: (-scores[j], j)))
        real = [float(np.float64(vector) @ np.float64(search.real[j])) for j in items]
        lists["real"].append(sorted(items, key=lambda j: (-real[j], j)))
        top = sorted(near[:size], key=lambda j: (-scores[j], table[j], j))
        lists["reranked"].append(top + near[size:])
    return lists


def loop_scores(search: Search, lists: list[list[int]]) -> dict[str, float]:
    """mAP, AP@50[min] and AP@50[hits] of ranked lists, queries without relevant items left out."""
    found: dict[str, list[float]] = {"mAP": [], "AP@50[min]": [], "AP@50[hits]": []}
    for q, ranked in enumerate(lists):
        relevant = [bool((search.labels[0][q] & search.labels[1][j]).any()) for j in ranked]
        if not any(relevant):
            continue
        precisions = [sum(relevant[: i + 1]) / (i + 1) for i, hit in enumerate(relevant) if hit]
        early = [sum(relevant[: i + 1]) / (i + 1) for i, hit in enumerate(relevant[:50]) if hit]
        found["mAP"].append(sum(precisions) / sum(relevant))
        found["AP@50[min]"].append(sum(early) / min(50, sum(relevant)))
        found["AP@50[hits]"].append(sum(early) / len(early) if early else 0.0)
    return {name: float(np.mean(values)) for name, values in found.items()}


@pytest.mark.parametrize("dictionaries", [1, 2])
@pytest.mark.parametrize("task", ["i2t", "t2i"])
def test_every_way_against_sorted_lists(task: str, dictionaries: int) -> None:
    search = searched(task, dictionaries)
    found = compare_stages(search, 60, "by_id", "skip")
    lists = ranked_lists(search, 60)
    section = two_stage_section({task: found}, 60)
    assert section is not None
    assert section["r_h"] == 60
    for way, ranked in lists.items():
        assert section[task][way] == pytest.approx(loop_scores(search, ranked), abs=2e-6), way
    assert len({scores["mAP"] for scores in section[task].values()}) == 4  # else the comparison says little


def test_items_without_text_or_labels_are_left_out() -> None:
    assert searched("i2t").words.shape == (N - 2, 2)
    assert searched("t2i").words.shape == (N - 1, 2)
    assert len(searched("i2t").vectors) == len(searched("i2t").names) == Q - 1


@pytest.mark.parametrize("ties", ALL_TIES)
def test_without_candidates_the_scores_are_those_of_the_codes(ties: Ties) -> None:
    query, retrieval, quantised, real = drawn()
    report = evaluate(query, retrieval, ties=ties, bootstrap=10)
    for task in ("i2t", "t2i"):
        search = two_stage_search(query, retrieval, quantised, real, task)
        hashed = compare_stages(search, 50, ties, "skip").by_candidates[0]
        scores = report.tasks[task].scores()
        assert hashed == pytest.approx({name: scores[name] for name in hashed}, abs=1.1e-6)


def test_ties_of_quantised_scores_follow_the_rule() -> None:
    """One dictionary of four words: four scores for all items."""
    search = searched("i2t", dictionaries=1)
    found = {ties: compare_stages(search, 50, ties, "skip").quantised["mAP"] for ties in ALL_TIES}
    assert found["pessimistic"] < found["expected"] < found["optimistic"]
    assert found["pessimistic"] < found["by_id"] < found["optimistic"]


def test_all_items_as_candidates_are_the_quantised_ranking_but_for_ties() -> None:
    search = searched("i2t", dictionaries=2)
    found = compare_stages(search, 50, "by_id", "skip")
    count = len(search.words)
    assert list(found.by_candidates) == [0, 50, 100, count]
    assert found.by_candidates[count]["mAP"] == pytest.approx(found.quantised["mAP"], abs=0.02)


def test_scores_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    search = searched("t2i")
    whole = compare_stages(search, 50, "expected", "skip")
    monkeypatch.setattr(two_stage, "CELLS", 2 * N)
    assert compare_stages(search, 50, "expected", "skip") == whole


def cut_to(search: Search, items: int) -> Search:
    """Only the first items of a set."""
    rows = slice(items)
    return replace(
        search,
        codes=(search.codes[0], search.codes[1][rows]),
        labels=(search.labels[0], search.labels[1][rows]),
        words=search.words[rows],
        real=search.real[rows],
    )


@pytest.mark.parametrize(
    ("r_h", "message"),
    [
        (149, r"hq\.rerank: 149 candidates, but only 148 items .* a number from 50 to 148;"),
        (49, r"hq\.rerank: 49 candidates are less than 50, .* a number from 50 to 148;"),
    ],
)
def test_candidates_beyond_the_items_or_below_the_largest_cut_are_refused(r_h: int, message: str) -> None:
    """148 items have a text, 149 a picture: one number serves both directions."""
    searches = {task: searched(task) for task in ("i2t", "t2i")}
    with pytest.raises(CrosshashError, match=message):
        compare_tasks(searches, r_h, "expected", "skip")
    for fits in (50, 148):
        found = compare_tasks(searches, fits, "expected", "skip")
        assert all(fits in scores.by_candidates for scores in found.values())


def test_a_small_set_has_all_of_its_items_as_candidates() -> None:
    """40 texts and 41 pictures; what the message advises is taken, in both directions."""
    searches = {"i2t": cut_to(searched("i2t"), 40), "t2i": cut_to(searched("t2i"), 41)}
    for refused in (100, 41, 39):
        with pytest.raises(CrosshashError, match=r"Set hq\.rerank to 40, all of them; no training"):
            compare_tasks(searches, refused, "by_id", "skip")
    found = compare_tasks(searches, 40, "by_id", "skip")
    for task, search in searches.items():
        expected = loop_scores(search, ranked_lists(search, 40)["reranked"])
        assert found[task].by_candidates[40] == pytest.approx(expected, abs=2e-6)
    assert list(found["t2i"].by_candidates) == [0, 40, 41]


def test_queries_without_relevant_items_follow_the_rule() -> None:
    query, retrieval, quantised, real = drawn()
    query.labels[:] = 0
    query.labels[0, 0] = 1
    search = two_stage_search(query, retrieval, quantised, real, "i2t")
    skipped = compare_stages(search, 50, "expected", "skip").real["mAP"]
    zero = compare_stages(search, 50, "expected", "zero").real["mAP"]
    assert zero == pytest.approx(skipped / (Q - 1), abs=1e-6)
    assert compare_tasks({"i2t": search}, 50, "expected", "zero")["i2t"].real["mAP"] == zero
    with pytest.raises(CrosshashError, match="7 queries have no relevant item"):
        compare_stages(search, 50, "expected", "error")


def test_the_table_over_the_number_of_candidates() -> None:
    found = {task: compare_stages(searched(task), 60, "expected", "skip") for task in ("i2t", "t2i")}
    table = candidate_table(found)
    assert list(table.columns) == ["task", "r_h", "AP@50[hits]", "mAP"]
    assert table["r_h"].tolist() == [0, 50, 60, 100, 148, 0, 50, 60, 100, 149]
    row = table[(table["task"] == "t2i") & (table["r_h"] == 60)]
    assert row["mAP"].item() == found["t2i"].by_candidates[60]["mAP"]
    assert row["AP@50[hits]"].item() == found["t2i"].by_candidates[60]["AP@50[hits]"]


def test_without_quantised_vectors_the_table_has_its_header_alone() -> None:
    assert candidate_table({}).to_csv(index=False).strip() == "task,r_h,AP@50[hits],mAP"
    assert two_stage_section({}, None) is None
    assert two_stage_section({}, 50) is None


def test_the_labelled_items_of_a_task_with_all_that_belongs_to_them() -> None:
    """Of four queries q1 has no labels and q2 no text; of four items r0 no text and r3 no labels."""
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    labels = np.eye(4, dtype=np.uint8)
    query = code_set("q", signs, -signs, labels, [True, True, False, True], [True, False, True, True])
    retrieval = code_set("r", -signs, signs, labels, [False, True, True, True], [True, True, True, False])
    words = {
        one: np.arange(4, dtype=np.uint8)[:, None] + np.uint8(at) for at, one in ((0, "image"), (10, "text"))
    }
    vectors = {one: words[one].astype(np.float32) + 100 for one in words}
    book = Codebook(np.ones((1, 20, 1), np.float32))
    real = {one: vectors[one] + 100 for one in vectors}
    quantised = QuantisedSet(book, words, vectors)  # type: ignore[arg-type]
    for task, rows, items, asked, answers in (
        ("i2t", [0, 2, 3], [1, 2], 100, 10), ("t2i", [0, 3], [0, 1, 2], 110, 0),
        ("i2i", [0, 2, 3], [0, 1, 2], 100, 0), ("t2t", [0, 3], [1, 2], 110, 10),
    ):  # fmt: skip
        found = two_stage_search(query, retrieval, quantised, real, task)  # type: ignore[arg-type]
        assert found.names.tolist() == [f"q{row}" for row in rows]
        sides = (query.packed("image" if task[0] == "i" else "text")[rows],
                 retrieval.packed("image" if task[2] == "i" else "text")[items])  # fmt: skip
        assert all(np.array_equal(mine, other) for mine, other in zip(found.codes, sides, strict=True))
        assert [one.tolist() for one in found.labels] == [labels[rows].tolist(), labels[items].tolist()]
        assert found.vectors.ravel().tolist() == [asked + row for row in rows]
        assert found.words.ravel().tolist() == [answers + item for item in items]
        assert found.real.ravel().tolist() == [200 + answers + item for item in items]
