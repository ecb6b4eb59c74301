from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from crosshash.codes.hashcodes import HashCodes
from crosshash.codes.vector_code import VectorCode
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import CodeSet, Modality
from crosshash.retrieval.measures.mean_ap import Undefined, mean_average_precision
from crosshash.retrieval.measures.ranking_measures import Recall
from crosshash.retrieval.ranking import tied_ranking as ranking
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring.evaluation import evaluate, task_map
from crosshash.retrieval.scoring.report_measures import MEASURES
from crosshash.retrieval.scoring.scores import RetrievalReport
from tests.retrieval.cases import ap, random_codes, random_labels
from tests.retrieval.sets import code_set, random_set

GENERATOR = np.random.default_rng(3)


def first_ranks(query: np.ndarray, items: np.ndarray) -> np.ndarray:
    return np.argsort((query[:, None, :] != items[None]).sum(axis=2), axis=1, kind="stable")


def map_by_loops(query: np.ndarray, items: np.ndarray, query_labels: np.ndarray, labels: np.ndarray) -> float:
    """mAP with ties by position, from signs; queries without a relevant item left out."""
    values = []
    for row, order in enumerate(first_ranks(query, items)):
        grades = [int((query_labels[row] & labels[j]).sum()) for j in order]
        if any(grades):
            values.append(ap(grades))
    return math.fsum(values) / len(values)


def small_sets() -> tuple[CodeSet, CodeSet]:
    generator = np.random.default_rng(5)
    return random_set("q", generator, 9), random_set("r", generator, 40)


def test_each_task_asks_and_answers_with_its_own_modalities() -> None:
    """A search among one modality's codes by mistake would make two of the four tasks equal."""
    query, retrieval = small_sets()
    report = evaluate(query, retrieval, ties="by_id", bootstrap=0)
    codes = {"i": ("image", "image"), "t": ("text", "text")}
    for task in ("i2t", "t2i", "i2i", "t2t"):
        asks, answers = codes[task[0]][0], codes[task[2]][1]
        expected = map_by_loops(
            getattr(query, asks).signs(),
            getattr(retrieval, answers).signs(),
            query.labels,
            retrieval.labels,
        )
        assert report.tasks[task].scores()["mAP"] == pytest.approx(expected, abs=1e-6)
        assert task_map(query, retrieval, task, "by_id", "skip") == pytest.approx(expected, abs=1e-12)
    assert len({report.tasks[task].scores()["mAP"] for task in report.tasks}) == 4


def test_a_query_without_relevant_item_is_left_out_and_counted() -> None:
    """Query 0 shares its label with item 0 at distance 0: AP 1. Query 1 has a label of no item: undefined."""
    query = code_set("q", [[1, 1], [1, 1]], [[1, 1], [1, 1]], [[1, 0], [0, 1]])
    retrieval = code_set("r", [[1, 1], [-1, 1]], [[1, 1], [-1, 1]], [[1, 0], [1, 0]])
    skipped = evaluate(query, retrieval, undefined="skip")
    assert skipped.n_undefined == 1
    assert skipped.tasks["i2t"].scores()["mAP"] == 1
    assert skipped.tasks["i2t"].ids.tolist() == ["q0"]
    zero = evaluate(query, retrieval, undefined="zero")
    assert zero.n_undefined == 1
    assert zero.tasks["i2t"].scores()["mAP"] == 0.5
    assert zero.tasks["i2t"].ids.tolist() == ["q0", "q1"]
    assert task_map(query, retrieval, "i2t", "expected", "zero") == 0.5
    with pytest.raises(CrosshashError, match=r"1 queries have no relevant item.*\n.*q1"):
        evaluate(query, retrieval, undefined="error")


def test_no_score_is_ever_nan() -> None:
    query = code_set("q", [[1, 1]] * 3, [[1, 1]] * 3, [[1, 0], [0, 1], [0, 0]])
    retrieval = code_set("r", [[1, -1]] * 2, [[1, -1]] * 2, [[1, 0], [1, 0]])
    report = evaluate(query, retrieval, undefined="skip")
    assert report.n_undefined == 2
    assert all(math.isfinite(value) for scores in report.scores().values() for value in scores.values())


def test_nothing_relevant_at_all_is_an_error() -> None:
    query = code_set("q", [[1, 1]], [[1, 1]], [[1, 0]])
    retrieval = code_set("r", [[1, 1]], [[1, 1]], [[0, 1]])
    with pytest.raises(CrosshashError, match="shares a label"):
        evaluate(query, retrieval)
    with pytest.raises(CrosshashError, match="shares a label"):
        mean_average_precision(query.image.packed, retrieval.text.packed, query.labels, retrieval.labels)


@pytest.mark.parametrize("ties", get_args(Ties))
def test_the_fast_entry_gives_the_same_map(ties: Ties) -> None:
    query, retrieval = small_sets()
    report = evaluate(query, retrieval, ties=ties, bootstrap=0)
    fast = mean_average_precision(
        query.image.packed, retrieval.text.packed, query.labels, retrieval.labels, ties=ties
    )
    assert fast == pytest.approx(float(report.tasks["i2t"].values["AP"].mean()), abs=1e-13)


def test_the_fast_entry_counts_undefined_queries_as_asked() -> None:
    """AP 1 and an undefined query: mean 1 without it, 1/2 with it as 0."""
    packed, item = np.zeros((2, 1), np.uint8), np.zeros((1, 1), np.uint8)
    labels, item_labels = np.array([[1, 0], [0, 1]]), np.array([[1, 0]])
    assert mean_average_precision(packed, item, labels, item_labels) == 1
    assert mean_average_precision(packed, item, labels, item_labels, undefined="zero") == 0.5


def test_without_classes_there_is_nothing_to_score() -> None:
    codes, labels = np.zeros((2, 4), np.uint8), np.zeros((2, 0), np.uint8)
    with pytest.raises(CrosshashError, match="shares a label"):
        mean_average_precision(codes, codes, labels, labels)


def test_the_fast_entry_names_what_does_not_fit() -> None:
    codes, labels = np.zeros((2, 4), np.uint8), np.ones((2, 3), np.uint8)
    with pytest.raises(CrosshashError) as error:
        mean_average_precision(codes, np.zeros((0, 2), np.uint8), labels[:1], np.ones((0, 5), np.uint8))
    for part in ("query: 2 codes and 1 rows", "retrieval: 0 codes", "4 and of 2 bytes", "3 and of 5 classes"):
        assert part in str(error.value)


@pytest.mark.parametrize("ties", get_args(Ties))
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, ties: Ties) -> None:
    query, retrieval = small_sets()
    whole = evaluate(query, retrieval, ties=ties)
    monkeypatch.setattr(ranking, "QUERIES", 2)
    cut = evaluate(query, retrieval, ties=ties)
    assert whole.scores() == cut.scores()
    for task in whole.tasks:
        assert np.allclose(whole.tasks[task].by_radius, cut.tasks[task].by_radius, atol=1e-12)
        assert np.allclose(whole.tasks[task].by_rank, cut.tasks[task].by_rank, atol=1e-12)


def test_order_of_the_retrieval_set_changes_nothing_but_by_id() -> None:
    query, retrieval = small_sets()
    order = np.random.default_rng(0).permutation(len(retrieval))
    other = CodeSet(
        retrieval.image.take(order),
        retrieval.text.take(order),
        retrieval.labels[order],
        retrieval.classes,
        retrieval.has_text,
        retrieval.has_labels,
    )
    for ties in ("expected", "optimistic", "pessimistic"):
        assert evaluate(query, retrieval, ties=ties).scores() == evaluate(query, other, ties=ties).scores()
    assert evaluate(query, retrieval, ties="by_id").scores() != evaluate(query, other, ties="by_id").scores()


def test_flipping_the_same_bits_everywhere_changes_nothing() -> None:
    generator = np.random.default_rng(4)
    query, items = random_codes(generator, 6, 32), random_codes(generator, 50, 32)
    labels, item_labels = random_labels(generator, 6, 3), random_labels(generator, 50, 3)
    mask = random_codes(generator, 1, 32)
    score = mean_average_precision(query, items, labels, item_labels)
    assert mean_average_precision(query ^ mask, items ^ mask, labels, item_labels) == score


def test_labels_and_codes_stay_as_they_are() -> None:
    query, retrieval = small_sets()
    before = [array.copy() for side in (query, retrieval) for array in (side.labels, side.image.packed)]
    evaluate(query, retrieval)
    after = [array for side in (query, retrieval) for array in (side.labels, side.image.packed)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_query_in_the_retrieval_set_is_refused() -> None:
    """A query that finds its own pair scores too well."""
    query, _ = small_sets()
    with pytest.raises(CrosshashError, match="9 ids are in both, 'q0' for one"):
        evaluate(query, query)


def test_items_without_text_are_left_out_where_text_is_needed() -> None:
    """Only r1 has both a text and the label; as a text, r0 would stand first and spoil the precision."""
    query = code_set("q", [[1, 1], [1, 1]], [[1, 1], [1, 1]], [[1, 0], [1, 0]], has_text=[True, False])
    retrieval = code_set("r", [[1, 1], [1, -1]], [[1, 1], [1, -1]], [[0, 1], [1, 0]], has_text=[False, True])
    report = evaluate(query, retrieval)
    assert report.n_captionless == 2
    assert report.tasks["i2t"].scores()["mAP"] == 1
    assert report.tasks["i2i"].scores()["mAP"] == 0.5
    assert report.tasks["t2i"].ids.tolist() == ["q0"]
    assert report.tasks["i2i"].ids.tolist() == ["q0", "q1"]


def test_undefined_queries_are_those_of_the_worst_task() -> None:
    """The only item relevant to q0 has no text: q0 is undefined where texts are searched only."""
    query = code_set("q", [[1], [1]], [[1], [1]], [[1, 0], [0, 1]])
    retrieval = code_set("r", [[1], [1]], [[1], [1]], [[1, 0], [0, 1]], has_text=[False, True])
    report = evaluate(query, retrieval)
    assert report.n_undefined == 1
    assert (len(report.tasks["i2t"].ids), len(report.tasks["i2i"].ids)) == (1, 2)


def test_items_without_labels_are_left_out_of_scores_by_labels() -> None:
    """r0, of unknown relevance, would stand before r1 and halve the precision."""
    query = code_set("q", [[1, 1], [1, 1]], [[1, 1], [1, 1]], [[1], [0]], has_labels=[True, False])
    retrieval = code_set("r", [[1, 1], [1, -1]], [[1, 1], [1, -1]], [[0], [1]], has_labels=[False, True])
    report = evaluate(query, retrieval)
    assert (report.n_unlabelled, report.n_undefined, report.n_query, report.n_retrieval) == (2, 0, 2, 2)
    assert report.base_rate == 1
    assert report.tasks["i2t"].scores()["mAP"] == 1
    assert report.tasks["i2t"].ids.tolist() == ["q0"]


def test_base_rate_is_the_share_of_relevant_pairs() -> None:
    """Query 0 is relevant to r0 and r1, query 1 to none: 2 of 4 pairs."""
    query = code_set("q", [[1], [1]], [[1], [1]], [[1, 0, 0], [0, 0, 1]])
    retrieval = code_set("r", [[1], [1]], [[1], [1]], [[1, 1, 0], [1, 0, 0]])
    assert evaluate(query, retrieval).base_rate == 0.5


def unlabelled() -> tuple[CodeSet, CodeSet]:
    """Query 0's partner is at distance 0, tied with r0's text; query 1's at distance 1, after r0 and q0."""
    query = code_set("q", [[1, 1], [1, 1]], [[1, 1], [1, -1]], [[0], [0]], has_labels=[False, False])
    retrieval = code_set("r", [[-1, 1], [-1, -1]], [[1, 1], [-1, -1]], [[0], [0]], has_labels=[False, False])
    return query, retrieval


def test_sets_without_labels_are_scored_by_the_own_partner() -> None:
    """i2t, texts of q0, q1, r0, r1 at distances 0, 1, 0, 2 of both query images.

    q0: its partner ties with r0: first with probability 1/2. q1: two are nearer: rank 3. recall@1 = 1/4,
    recall@5 = 1. t2i, images of q0, q1, r0, r1: from q0's text 0, 0, 1, 2: rank 1 or 2; from q1's text
    1, 1, 2, 1: rank 1 to 3; recall@1 = (1/2 + 1/3) / 2 = 5/12.
    """
    report = evaluate(*unlabelled())
    assert set(report.tasks) == {"i2t", "t2i"}
    assert (report.base_rate, report.headline) == (None, None)
    assert (report.n_unlabelled, report.n_undefined) == (4, 0)
    assert report.scores()["i2t"] == {"recall@1": 0.25, "recall@5": 1.0, "recall@10": 1.0}
    assert report.scores()["t2i"] == {"recall@1": 0.416667, "recall@5": 1.0, "recall@10": 1.0}
    assert report.tasks["i2t"].chance == ("recall@10", 1.0)


def test_rules_for_ties_hold_for_partners_too() -> None:
    """As above: q0's partner comes before r0 by position, so by_id finds it first; pessimistic never."""
    expected = {"by_id": 0.5, "optimistic": 0.5, "pessimistic": 0.0}
    for ties, score in expected.items():
        assert evaluate(*unlabelled(), ties=ties).scores()["i2t"]["recall@1"] == score


@pytest.mark.parametrize("ties", get_args(Ties))
def test_a_partner_that_ties_with_nothing_is_first_under_every_rule(ties: Ties) -> None:
    query = code_set("q", [[1, 1]], [[1, 1]], [[0]], has_labels=[False])
    retrieval = code_set("r", [[1, -1]] * 9, [[1, -1]] * 9, [[0]] * 9, has_labels=[False] * 9)
    assert evaluate(query, retrieval, ties=ties).scores()["i2t"]["recall@1"] == 1


@pytest.mark.parametrize("ties", get_args(Ties))
def test_partners_are_found_in_a_large_pool(ties: Ties) -> None:
    """Recall against a plain loop over ranks, queries without text left out; the pool keeps their images.

    Position in the pool: the partners in the order of the queries, then everything else.
    """
    generator = np.random.default_rng(6)
    image, text = generator.choice([-1, 1], size=(2, 30, 8))
    has_text = generator.random(30) < 0.7
    query = code_set("q", image[:12], text[:12], np.zeros((12, 1)), has_text[:12], [False] * 12)
    retrieval = code_set("r", image[12:], text[12:], np.zeros((18, 1)), has_text[12:], [False] * 18)
    report = evaluate(query, retrieval, ties=ties)
    for task, asked, pool, present in (
        ("i2t", image, text, has_text),
        ("t2i", text, image, np.ones(30, bool)),
    ):
        rows = np.flatnonzero(has_text[:12])
        assert report.tasks[task].ids.tolist() == [f"q{row}" for row in rows]
        assert report.tasks[task].chance == ("recall@10", 10 / present.sum())
        for k in (1, 5, 10):
            chances = []
            for row in rows:
                distances = (asked[row] != pool).sum(axis=1)[present]
                own = int((asked[row] != pool[row]).sum())
                nearer, tied = int((distances < own).sum()), int((distances == own).sum())
                earlier = sum((asked[row] != pool[other]).sum() == own for other in rows if other < row)
                places = {
                    "expected": range(tied),
                    "optimistic": [0],
                    "pessimistic": [tied - 1],
                    "by_id": [earlier],
                }[ties]
                chances.append(sum(nearer + place < k for place in places) / len(places))
            assert report.tasks[task].values[str(Recall(k))] == pytest.approx(chances, abs=1e-12)


def test_intervals_hold_the_mean_and_follow_the_seed() -> None:
    query, retrieval = small_sets()

    def interval(report: RetrievalReport) -> tuple[float, float]:
        return report.tasks["i2t"].intervals["AP"]

    one = evaluate(query, retrieval, seed=1)
    scores = one.tasks["i2t"].scores()
    assert scores["mAP_low"] < scores["mAP"] < scores["mAP_high"]
    assert interval(one) == interval(evaluate(query, retrieval, seed=1))
    assert interval(one) != interval(evaluate(query, retrieval, seed=2))
    assert evaluate(query, retrieval).scores() == evaluate(query, retrieval, bootstrap=1000, seed=0).scores()
    for found in one.measures().values():
        assert len(found) == len(MEASURES)
        assert all(part["low"] <= part["mean"] <= part["high"] for part in found.values())
        assert found["AP@50[min]"]["low"] < found["AP@50[min]"]["high"]


def test_intervals_by_asymmetric_distance_follow_the_seed_too() -> None:
    query, retrieval = small_sets()
    generator = np.random.default_rng(0)
    real: dict[Modality, np.ndarray] = {
        one: generator.integers(-9, 10, (9, 16)).astype(np.int8) for one in ("image", "text")
    }
    one, again, other = (
        evaluate(query, retrieval, bootstrap=200, seed=seed, real=real).asymmetric for seed in (1, 1, 2)
    )
    for task, found in one.items():
        for ends in (lambda part: part.interval, lambda part: part.report.intervals["AP"]):
            assert ends(found) == ends(again[task]) != ends(other[task])


def test_precision_curve_reaches_as_far_as_the_set() -> None:
    query, retrieval = small_sets()
    points = evaluate(query, retrieval).tasks["i2i"].precision_at
    assert list(points) == [1, 2, 5, 10, 20, 40]
    shared = (query.labels @ retrieval.labels.T > 0).any(axis=1)
    base = (query.labels[shared] @ retrieval.labels.T > 0).mean()
    assert points[40] == pytest.approx(base, abs=1e-12)


@pytest.mark.parametrize("ties", get_args(Ties))
def test_recall_and_precision_by_rank(ties: Ties) -> None:
    """Against the measures of the same ranks, which have their own tests; from the first rank to the last."""
    query, retrieval = small_sets()
    report = evaluate(query, retrieval, ties=ties, undefined="zero").tasks["i2t"]
    ranks, recall, precision = report.by_rank.T
    assert ranks.tolist() == sorted(set(ranks.tolist()))
    assert {1.0, 40.0} <= set(ranks.tolist())
    assert recall[-1] == pytest.approx(1, abs=1e-12)
    defined = report.values["recall@1000"] > 0  # an undefined query counts in P@N alone, as 0
    assert not defined.all()
    for name, curve in (("P", precision), ("recall", recall)):
        at_ten = report.values[f"{name}@10"][defined].mean()
        assert curve[ranks == 10] == pytest.approx(at_ten, abs=1e-12)
    assert report.precision_at[10] == pytest.approx(report.values["P@10"].mean(), abs=1e-12)


def test_recall_and_precision_by_radius() -> None:
    """Distances of r0, r1, r2: 0, 1, 2; relevant: r0 and r2.

    Radius 0: recall 1/2, precision 1; radius 1: 1/2, 1/2; radius 2: 1, 2/3. Recall is hits over relevant: the
    share of items found would be 1/3, 2/3, 1.
    """
    query = code_set("q", [[1, 1]], [[1, 1]], [[1, 0]])
    codes = [[1, 1], [1, -1], [-1, -1]]
    retrieval = code_set("r", codes, codes, [[1, 0], [0, 1], [1, 0]])
    curve = evaluate(query, retrieval).tasks["i2t"].by_radius
    assert curve == pytest.approx(np.array([[0.5, 1], [0.5, 0.5], [1, 2 / 3]]), abs=1e-12)


def test_a_radius_without_any_item_has_no_precision() -> None:
    """q0 finds r0 at radius 0, q1 at 1: at radius 0 precision is that of q0 alone, recall counts both."""
    query = code_set("q", [[1, 1], [-1, 1]], [[1, 1], [-1, 1]], [[1], [1]])
    retrieval = code_set("r", [[1, 1]], [[1, 1]], [[1]])
    assert evaluate(query, retrieval).tasks["i2i"].by_radius.tolist() == [[0.5, 1], [1, 1]]


def vector_sets() -> tuple[CodeSet, CodeSet, dict[Modality, np.ndarray], VectorCode]:
    """Sets without labels whose items are stored as floats, with real codes of the queries."""
    generator, code = np.random.default_rng(8), VectorCode("none", 2)
    sides = []
    for name, items in (("q", 6), ("r", 20)):
        bare = random_set(name, generator, items, code.bits, classes=0)
        image, text = (code.encode(generator.normal(size=(items, 2)).astype(np.float16)) for _ in range(2))
        codes = (HashCodes(one, code.bits, bare.ids) for one in (image, text))
        sides.append(CodeSet(*codes, bare.labels, bare.classes, bare.has_text, ~bare.has_labels, code))
    real: dict[Modality, np.ndarray] = {
        one: generator.integers(-63, 64, (6, 2)).astype(np.int8) for one in ("image", "text")
    }
    return sides[0], sides[1], real, code


def test_partners_among_stored_vectors_are_found_by_inner_product() -> None:
    query, retrieval, real, code = vector_sets()
    report = evaluate(query, retrieval, bootstrap=0, real=real)
    assert report.asymmetric == {}
    for task, asks, answers in (("i2t", "image", "text"), ("t2i", "text", "image")):
        pool = code.decode(np.concatenate([side.packed(answers) for side in (query, retrieval)]))
        for k in (1, 5, 10):
            found = [
                sum(float(other @ levels) > float(pool[row] @ levels) for other in pool) < k
                for row, levels in enumerate(real[asks].astype(float))
            ]
            assert report.tasks[task].scores()[f"recall@{k}"] == pytest.approx(np.mean(found), abs=1e-6)


def test_stored_vectors_without_real_codes_of_the_queries_are_refused() -> None:
    query, retrieval, _, _ = vector_sets()
    with pytest.raises(CrosshashError, match=r"stored as vectors, of which there is no Hamming distance"):
        evaluate(query, retrieval, bootstrap=0)


def test_sets_that_are_stored_in_different_ways_are_refused() -> None:
    query, retrieval, real, _ = vector_sets()
    signs = replace(retrieval, vector_code=None)
    other = replace(retrieval, vector_code=VectorCode("rabitq", 16))
    words = "the query set and the retrieval set hold vectors that are stored in different ways"
    for one in (signs, other):
        with pytest.raises(CrosshashError, match=words):
            evaluate(query, one, bootstrap=0, real=real)
    with pytest.raises(CrosshashError, match="codes are of 32 bits, those of vectors of 48"):
        replace(retrieval, vector_code=VectorCode("none", 3))


@pytest.mark.parametrize("labelled", [True, False])
def test_sets_without_any_text_are_scored_among_images_or_not_at_all(labelled: bool) -> None:
    """One set, its texts taken away: what is left scores as before, and nothing is made up for the rest."""
    query, retrieval = small_sets()
    whole = evaluate(query, retrieval, bootstrap=20)
    bare = [
        replace(
            one,
            has_text=np.zeros(len(one), bool),
            has_labels=one.has_labels & labelled,
            labels=one.labels * labelled,
        )
        for one in (query, retrieval)
    ]
    report = evaluate(bare[0], bare[1], bootstrap=20)
    assert list(report.tasks) == (["i2i"] if labelled else [])
    assert report.partner == {}
    if labelled:
        assert report.tasks["i2i"].scores() == whole.tasks["i2i"].scores()
    else:
        assert report.warning == "no item has a text or a label: nothing tells how good searches are"
        assert report.counts()["warning"] == report.warning


MODALITIES: tuple[Modality, ...] = ("image", "text")


def real_sets() -> tuple[CodeSet, CodeSet, dict[Modality, np.ndarray]]:
    """Real codes of the queries; some have no text, some no labels, and so have some items."""
    generator = np.random.default_rng(9)
    sides = []
    for name, items in (("q", 9), ("r", 30)):
        whole = random_set(name, generator, items)
        numbers = np.arange(items)
        labels = whole.labels.copy()
        labels[numbers % 7 == 3] = 0
        sides.append(replace(whole, labels=labels, has_text=numbers % 4 != 1, has_labels=numbers % 7 != 3))
    real: dict[Modality, np.ndarray] = {
        one: generator.integers(-3, 4, (9, 16)).astype(np.int8) for one in MODALITIES
    }
    return sides[0], sides[1], real


def real_distances(levels: np.ndarray, codes: HashCodes) -> np.ndarray:
    """Of one query to all items: the sum of what it has in the bits whose signs differ."""
    signs = codes.signs()
    return np.array(
        [sum(abs(int(q)) for q, b in zip(levels, code, strict=True) if q * b < 0) for code in signs]
    )


def real_aps(
    query: CodeSet, retrieval: CodeSet, real: dict[Modality, np.ndarray], asks: Modality, answers: Modality
) -> dict[str, float]:
    """AP of each query that has a relevant item by a sorted list, ties by position."""
    found = {}
    items = np.flatnonzero(retrieval.has_labels & retrieval.has(answers))
    for row in np.flatnonzero(query.has_labels & query.has(asks)):
        distances = real_distances(real[asks][row], getattr(retrieval, answers))
        order = sorted(items, key=lambda item, distances=distances: (distances[item], item))  # type: ignore[misc]
        grades = [int((query.labels[row] & retrieval.labels[item]).sum()) for item in order]
        if any(grades):
            found[str(query.ids[row])] = ap(grades)
    return found


def test_every_task_is_scored_by_asymmetric_distance_too() -> None:
    """By loops; the difference to Hamming distance is that of the means, both out of the same draws."""
    query, retrieval, real = real_sets()
    report = evaluate(query, retrieval, ties="by_id", bootstrap=200, seed=4, real=real)
    plain = evaluate(query, retrieval, ties="by_id", bootstrap=200, seed=4)
    assert list(report.asymmetric) == ["i2t", "t2i", "i2i", "t2t"]
    assert report.scores() == plain.scores()
    assert plain.asymmetric == plain.real_partner == {}
    maps = set()
    for task, one in report.asymmetric.items():
        asks, answers = ({"i": MODALITIES[0], "t": MODALITIES[1]}[letter] for letter in (task[0], task[2]))
        wanted = real_aps(query, retrieval, real, asks, answers)
        assert one.report.ids.tolist() == list(wanted)
        assert one.report.values["AP"] == pytest.approx(list(wanted.values()), abs=1e-12)
        assert one.report.by_radius.shape == (0, 2)
        assert not any("within" in name or "@r" in name for name in one.report.values)
        mean = float(np.mean(list(wanted.values())))
        assert task_map(query, retrieval, task, "by_id", "skip", real) == pytest.approx(mean, abs=1e-12)
        by_code = report.tasks[task]
        difference = mean - float(by_code.values["AP"].mean())
        assert (one.measure, one.difference) == ("AP", pytest.approx(difference, abs=1e-12))
        low, high = one.interval
        assert low < difference < high
        written = report.asymmetric_scores()[task]
        assert written == one.report.scores() | {
            "mAP_difference": round(one.difference, 6),
            "difference_low": round(low, 6),
            "difference_high": round(high, 6),
        }
        assert written["mAP_low"] < written["mAP"] < written["mAP_high"]
        maps.add(mean)
    assert len(maps) == 4
    again, other = (
        evaluate(query, retrieval, ties="by_id", bootstrap=200, seed=s, real=real) for s in (4, 5)
    )
    assert again.asymmetric_scores() == report.asymmetric_scores()
    assert other.asymmetric_scores() != report.asymmetric_scores()


def test_partners_are_found_by_asymmetric_distance_too() -> None:
    """Position in the pool: the partners in the order of the queries, then everything else."""
    query, retrieval, real = real_sets()
    for labelled in (True, False):
        sides = [replace(one, has_labels=one.has_labels & labelled) for one in (query, retrieval)]
        sides = [replace(one, labels=one.labels * labelled) for one in sides]
        report = evaluate(sides[0], sides[1], ties="by_id", bootstrap=0, real=real)
        assert set(report.real_partner) == {"i2t", "t2i"}
        assert set(report.asymmetric) == ({"i2t", "t2i", "i2i", "t2t"} if labelled else {"i2t", "t2i"})
        rows = np.flatnonzero(query.has_text)
        for task, asks, answers in (("i2t", "image", "text"), ("t2i", "text", "image")):
            ranks = []
            for place, row in enumerate(rows):
                levels = real[asks][row]  # type: ignore[index]
                own = real_distances(levels, getattr(query, answers))
                others = real_distances(levels, getattr(retrieval, answers))[retrieval.has(answers)]  # type: ignore[arg-type]
                left = [own[other] for other in range(9) if other not in rows and answers == "image"]
                pool = [*own[rows], *left, *others]
                ranks.append(sum((distance, at) < (own[row], place) for at, distance in enumerate(pool)))
            found = report.real_partner[task]
            assert found.ids.tolist() == query.ids[rows].tolist()
            for k in (1, 5, 10):
                assert found.values[f"recall@{k}"].tolist() == [float(rank < k) for rank in ranks]
            if not labelled:
                one = report.asymmetric[task]
                assert one.measure == "recall@1"
                assert one.report.scores() == found.scores()
        written = report.partner_scores()
        assert written["asymmetric"]["i2t"] == report.real_partner["i2t"].with_ends()


@pytest.mark.parametrize("undefined", ["skip", "zero"])
def test_stored_vectors_are_scored_by_labels_through_inner_products(undefined: Undefined) -> None:
    """There is nothing that they are compared with. q5 shares no label, so it is left out or counts as 0."""
    query, retrieval, real, code = vector_sets()
    labels = np.eye(3, dtype=np.uint8)[np.arange(20) % 2]
    classes, known = np.array(["a", "b", "c"]), np.ones(20, bool)
    asked = np.eye(3, dtype=np.uint8)[[0, 1, 0, 1, 0, 2]]
    query = replace(query, labels=asked, classes=classes, has_labels=known[:6])
    retrieval = replace(retrieval, labels=labels, classes=classes, has_labels=known)
    report = evaluate(query, retrieval, undefined=undefined, bootstrap=0, real=real)
    assert report.asymmetric == {}
    with pytest.raises(CrosshashError, match=r"1 queries have no relevant item(?s:.*)- q5$"):
        evaluate(query, retrieval, undefined="error", real=real)
    with pytest.raises(CrosshashError, match=r"1 queries have no relevant item(?s:.*)- q5$"):
        task_map(query, retrieval, "i2t", "expected", "error", real)
    for task, asks, answers in (("i2t", "image", "text"), ("t2t", "text", "text")):
        vectors, values = code.decode(retrieval.packed(answers)).astype(float), []
        for levels, wanted in zip(real[asks].astype(float), asked, strict=True):
            order = np.argsort(-(vectors @ levels), kind="stable")
            values.append(ap([int(labels[item] @ wanted) for item in order]))
        mean = np.mean(values if undefined == "zero" else values[:5])
        assert report.tasks[task].scores()["mAP"] == pytest.approx(mean, abs=1e-6)
        assert task_map(query, retrieval, task, "expected", undefined, real) == pytest.approx(mean, abs=1e-12)


def test_what_does_not_fit_is_named_with_its_side() -> None:
    query, retrieval = small_sets()
    other = random_set("r", GENERATOR, 4, bits=8, classes=5)
    with pytest.raises(CrosshashError) as caught:
        evaluate(query, other)
    assert "the query set has codes of 16 bits, the retrieval set of 8" in str(caught.value)
    assert "the query set has 4 classes, the retrieval set 5" in str(caught.value)
    with pytest.raises(CrosshashError, match="the retrieval set has no item"):
        evaluate(query, retrieval.take(np.arange(0)))
    bare = replace(query, has_labels=np.arange(9) == 3, has_text=np.arange(9) != 3)
    for task, modality in (("t2i", "text"), ("t2t", "text")):
        with pytest.raises(CrosshashError, match=f"^{task}: no item with labels has a {modality}, so"):
            task_map(bare, retrieval, task, "expected", "skip")
    with pytest.raises(CrosshashError, match=r"^i2t: no item with labels has a text, so"):
        task_map(retrieval, bare, "i2t", "expected", "skip")
    with pytest.raises(CrosshashError, match=r"^i2t: no item with labels has a text, so"):
        evaluate(retrieval, bare, bootstrap=0)
    with pytest.raises(CrosshashError, match=r"^t2i: no item with labels has a text, so"):
        evaluate(bare, retrieval, bootstrap=0)


def test_queries_that_are_an_error_are_named_by_the_fast_entry() -> None:
    codes, labels = np.zeros((2, 1), np.uint8), np.array([[1, 0], [0, 1]])
    with pytest.raises(CrosshashError, match=r"1 queries have no relevant item(?s:.*)- row 1$"):
        mean_average_precision(codes, codes[:1], labels, labels[:1], undefined="error")


@pytest.mark.parametrize(
    ("items", "last"), [(801, [600, 800, 801]), (1000, [800, 1000]), (1001, [800, 1000])]
)
def test_precision_curve_ends_at_the_set_or_at_1000(items: int, last: list[int]) -> None:
    """One query, of whose label all items are: precision 1 wherever it is measured."""
    query, whole = random_set("q", GENERATOR, 1, classes=1), random_set("r", GENERATOR, items, classes=1)
    sides = [replace(one, labels=np.ones((len(one), 1), np.uint8)) for one in (query, whole)]
    sides = [replace(one, has_text=np.zeros(len(one), bool)) for one in sides]
    points = evaluate(sides[0], sides[1], bootstrap=0).tasks["i2i"].precision_at
    assert list(points)[-len(last) :] == last
    assert set(points.values()) == {1.0}


@pytest.mark.parametrize("bare", [0, 1])
def test_where_one_side_has_no_text_images_alone_are_searched(bare: int) -> None:
    sides = list(small_sets())
    sides[bare] = replace(sides[bare], has_text=np.zeros(len(sides[bare]), bool))
    report = evaluate(sides[0], sides[1], bootstrap=0)
    assert (list(report.tasks), report.partner) == (["i2i"], {})


def test_the_fast_entry_takes_ties_as_expected_unless_told() -> None:
    """Two items at one distance, the second relevant: precision 1 / 1 or 1 / 2 with equal chance."""
    codes = np.zeros((2, 1), np.uint8)
    assert mean_average_precision(codes[:1], codes, np.ones((1, 1)), np.array([[0], [1]])) == 0.75
