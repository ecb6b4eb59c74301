from __future__ import annotations

import dataclasses
import json
import math

import pytest

from crosshash.errors import CrosshashError
from crosshash.experiments.comparison import Comparison, Difference, compare
from crosshash.experiments.runs import Run
from crosshash.seeding import stream
from tests.experiments.made_runs import made_run

A = {"i2t": {"AP": [0.1, 0.2, 0.3, 0.4], "P@10": [1.0, 1.0, 0.0, 0.0]}}
B = {"i2t": {"AP": [0.2, 0.3, 0.4, 0.5], "P@10": [1.0, 1.0, 0.0, 0.0]}}


def of(found: Comparison, task: str, measure: str) -> Difference:
    return next(one for one in found.differences if (one.task, one.measure) == (task, measure))


def refusal(a: Run, b: Run) -> str:
    with pytest.raises(CrosshashError) as error:
        compare(a, b)
    return str(error.value)


def test_every_query_better_by_a_tenth() -> None:
    """All four differences are 0.1: four equal signs come by chance in 2 of 16 cases, so zero is not out."""
    found = compare(made_run(A), made_run(B, "b"), resamplings=999)
    one = of(found, "i2t", "mAP")
    assert (one.queries, one.a, one.b) == (4, pytest.approx(0.25), pytest.approx(0.35))
    assert (one.difference, one.low, one.high) == pytest.approx((0.1, 0.0, 0.1))
    assert one.p == 2 / 16
    same = of(found, "i2t", "P@10")
    assert (same.difference, same.p) == (0.0, 1.0)


def test_each_of_many_queries_better_by_a_tenth() -> None:
    """Every resampled mean is 0.1: the interval is a point, p the smallest."""
    runs = [made_run({"i2t": {"AP": [level] * 40}}, name) for name, level in (("a", 0.25), ("b", 0.35))]
    one = of(compare(*runs, resamplings=999), "i2t", "mAP")
    assert (one.difference, one.low, one.high) == pytest.approx((0.1, 0.1, 0.1))
    assert one.p == 2 / 1000


def test_queries_are_matched_by_id_not_by_row() -> None:
    """The same scores in the opposite order of rows: no difference for any query."""
    turned = {"i2t": {name: values[::-1] for name, values in A["i2t"].items()}}
    found = compare(made_run(A), made_run(turned, "b", ids=["q3", "q2", "q1", "q0"]))
    assert {(one.difference, one.low, one.high, one.p) for one in found.differences} == {(0.0, 0.0, 0.0, 1.0)}


def test_turned_round_it_says_the_opposite() -> None:
    draw = stream(0, "scores")
    runs = [made_run({"t2i": {"AP": draw.random(30).round(6)}}, name) for name in "ab"]
    there, back = (of(compare(*pair), "t2i", "mAP") for pair in (runs, runs[::-1]))
    assert (there.difference, there.low, there.high) == pytest.approx(
        (-back.difference, -back.high, -back.low)
    )
    assert there.p == back.p


def test_equal_calls_give_equal_figures_and_seeds_other_ones() -> None:
    draw = stream(0, "scores")
    runs = [made_run({"t2i": {"AP": draw.random(30).round(6)}}, name) for name in "ab"]
    assert compare(*runs) == compare(*runs)
    assert compare(*runs, seed=1).differences != compare(*runs).differences


def test_measures_and_tasks_that_only_one_has_are_left_aside() -> None:
    more = {**B, "t2t": {"AP": [0.1]}}
    more["i2t"] = {**B["i2t"], "nDCG@1000": [0.5] * 4}
    found = compare(made_run(A), made_run(more, "b"), 100)
    assert [(one.task, one.measure) for one in found.differences] == [("i2t", "mAP"), ("i2t", "P@10")]


def test_a_measure_that_some_queries_have_not() -> None:
    """P@radius2 is undefined for q1 in A and q2 in B: over q0 and q3, 0.6 against 0.5. mAP has all four."""
    a = {"i2t": {"AP": [0.1] * 4, "P@radius2": [0.5, math.nan, 0.9, 0.5]}}
    b = {"i2t": {"AP": [0.1] * 4, "P@radius2": [0.6, 0.1, math.nan, 0.6]}}
    found = compare(made_run(a), made_run(b, "b"), 100)
    one = of(found, "i2t", "P@radius2")
    assert (one.queries, one.a, one.b) == (2, 0.5, 0.6)
    assert of(found, "i2t", "mAP").queries == 4


def test_sets_without_labels() -> None:
    """Their label-based columns are empty: only recall is compared, and chance is unknown in both."""
    scores = {"i2t": {"AP": [math.nan] * 3, "recall@1": [0.0, 1.0, 1.0]}}
    runs = [made_run(scores, name, base_rate=None) for name in "ab"]
    assert [one.measure for one in compare(*runs, 100).differences] == ["recall@1"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "scenes"}, "data set: mirflickr25k and scenes"),
        ({"n_retrieval": 90}, "retrieval set: 100 and 90"),
        ({"ties": "by_id"}, "ties: expected and by_id"),
        ({"protocol": "published"}, "protocol: strict and published"),
        ({"base_rate": 0.4}, "chance: 0.5 and 0.4"),
        ({"settings": {"mirflickr25k.tags": "common"}}, "mirflickr25k.tags: None and common"),
    ],
)
def test_other_conditions_are_refused(changes: dict, words: str) -> None:
    assert words in refusal(made_run(A), made_run(B, "b", **changes))


def test_all_that_differs_is_listed_at_once() -> None:
    text = refusal(made_run(A), made_run(B, "b", ties="by_id", n_query=5, n_retrieval=7))
    assert all(word in text for word in ("ties", "queries: 4 and 5", "retrieval set: 100 and 7"))
    assert "dvc exp run -S evaluate.ties=" in text


def test_where_the_data_lie_is_no_other_data() -> None:
    runs = [made_run(A, name, settings={"mirflickr25k.path": name}) for name in "ab"]
    assert compare(*runs, 100).settings == {"mirflickr25k.path": ("a", "b")}


def test_zero_against_skip() -> None:
    """Refused where there are queries without relevant item, and only there."""
    zero = made_run(B, "b", undefined="zero", n_undefined=1)
    assert "queries without relevant item: skip and zero" in refusal(made_run(A, n_undefined=1), zero)
    assert compare(made_run(A), made_run(B, "b", undefined="zero"), 100)


def test_other_queries_are_counted() -> None:
    """q0..q3 against q2..q5: two only here, two only there, two in both."""
    text = refusal(made_run(A), made_run(B, "b", ids=["q2", "q3", "q4", "q5"]))
    assert "i2t: 2 queries only in a, 2 only in b, 2 in both" in text
    assert "split" in text


def test_no_scores_by_query() -> None:
    text = refusal(made_run(A), made_run(B, "gone", kept=False))
    assert "gone: artifacts/per_query.parquet" in text
    assert "dvc pull" in text
    assert "dvc exp apply gone" in text


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ({"threads": 1}, {"threads": 2}, "a ran on 1 CPU thread, those of b on 2 CPU threads"),
        ({"threads": None}, {"threads": 2}, "a ran on CUDA, those of b on 2 CPU threads"),
        ({}, {"threads": 2}, "a ran on an unrecorded number of threads, those of b on 2 CPU threads"),
    ],
)
def test_other_threads_are_compared_and_told(a: dict, b: dict, words: str) -> None:
    (note,) = compare(made_run(A, **a), made_run(B, "b", **b), 100).notes
    assert words in note
    assert compare(made_run(A, **b), made_run(B, "b", **b), 100).notes == ()


def test_settings_that_differ_and_notes() -> None:
    b = made_run(B, "b", settings={"seed": 1, "train.epochs": 9})
    found = compare(made_run(A), dataclasses.replace(b, unfinished="params.yaml says bits 8"), 100)
    assert found.settings == {"seed": (0, 1), "train.epochs": (None, 9)}
    assert found.notes == ("b: params.yaml says bits 8",)
    json.dumps(dataclasses.asdict(found))


def test_stored_vectors_are_not_set_beside_codes() -> None:
    """The main scores of one are inner products, of the other Hamming distances."""
    said = refusal(made_run(A), made_run(B, "b", vectors={"kind": "pq"}))
    assert "distance of the main scores: Hamming and inner product" in said
    assert compare(made_run(A, vectors={"kind": "pq"}), made_run(B, "b", vectors={"kind": "pq"})).differences
