"""Scores that a random order could have: found by loops over all orders, and said in one sentence."""

from __future__ import annotations

import re
from typing import get_args

import numpy as np
import pytest
import scipy.io

from crosshash.retrieval.codefiles.codeset import CodeSet
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring.evaluation import evaluate
from crosshash.retrieval.scoring.nothing_learnt import nothing_learnt
from crosshash.retrieval.scoring.score_files import score
from crosshash.retrieval.scoring.scores import TaskReport
from tests.retrieval import loops
from tests.retrieval.sets import code_set

BITS = 8


def labelled(prefix: str, items: int, seed: int) -> np.ndarray:
    labels = (np.random.default_rng(seed).random((items, 3)) < 0.4).astype(np.uint8)
    labels[labels.sum(axis=1) == 0, 0] = 1
    return labels


def drawn(prefix: str, items: int, seed: int, distinct: int) -> CodeSet:
    """Codes that have nothing to do with the labels, `distinct` different ones in each modality."""
    generator = np.random.default_rng(seed)
    words = generator.permutation(2**BITS)[: 2 * distinct].astype(np.uint8)
    signs = 2 * np.unpackbits(words[:, None], axis=1).astype(np.int8) - 1
    image, text = (part[np.arange(items) % distinct] for part in (signs[:distinct], signs[distinct:]))
    return code_set(prefix, image, text, labelled(prefix, items, seed))


def learnt(prefix: str, items: int, seed: int) -> CodeSet:
    """Codes that are the labels themselves."""
    labels = labelled(prefix, items, seed)
    signs = np.repeat(2 * labels.astype(np.int8) - 1, 4, axis=1)
    return code_set(prefix, signs, signs, labels)


def random_order(query: CodeSet, retrieval: CodeSet) -> float:
    """mAP over all orders of all items, by loops: as if every item were at one distance."""
    values = []
    for labels in query.labels:
        shared = (labels & retrieval.labels).sum(axis=1).tolist()
        values.append(loops.Expected([(0, grade) for grade in shared]).ap())
    return float(np.mean(values))


def test_a_random_order_scores_more_than_the_share_of_relevant_pairs() -> None:
    """In small sets chance itself is higher than `base_rate`; the warning names the right figure."""
    query, retrieval = drawn("q", 30, 0, 5), drawn("r", 45, 1, 7)
    report = evaluate(query, retrieval)
    chance = random_order(query, retrieval)
    assert report.base_rate is not None
    assert chance > report.base_rate + 0.02
    for task in ("i2t", "t2i"):
        measure, value = report.tasks[task].chance
        assert (measure, value) == ("AP", pytest.approx(chance, abs=1e-12))
    assert report.warning is not None
    told = re.fullmatch(
        r"no sign of anything learnt: i2t mAP (\S+) \(95 % (\S+) to (\S+)\) where a random order gives "
        r"(\S+); t2i mAP .*; the retrieval set has 7 different codes among 45 images and 7 different codes "
        r"among 45 texts",
        report.warning,
    )
    assert told is not None, report.warning
    scores = report.tasks["i2t"].scores()
    wanted = [*(scores[key] for key in ("mAP", "mAP_low", "mAP_high")), chance]
    assert [float(number) for number in told.groups()] == pytest.approx(wanted, abs=5e-4)


def test_of_few_queries_nothing_can_be_told() -> None:
    """Two queries of which one is right: the interval holds chance, whatever was learnt."""
    query, retrieval = learnt("q", 4, 0), learnt("r", 45, 1)
    signs = query.image.signs()
    signs[0] *= -1
    warning = evaluate(code_set("q", signs, signs, query.labels), retrieval).warning
    assert warning is not None
    assert re.match(r"\d queries are too few to tell whether anything was learnt: i2t mAP", warning)


def test_codes_that_know_their_labels_are_not_warned_of() -> None:
    report = evaluate(learnt("q", 30, 0), learnt("r", 45, 1))
    assert report.warning is None
    assert report.counts()["warning"] is None


def test_one_direction_may_have_learnt() -> None:
    """Texts of one code: their search finds anything, images still find their like among images."""
    query, known = learnt("q", 30, 0), learnt("r", 45, 1)
    same = np.ones((45, known.bits))
    retrieval = code_set("r", known.image.signs(), same, known.labels)
    warning = evaluate(query, retrieval).warning
    assert warning is not None
    assert warning.startswith("no sign of anything learnt: i2t mAP ")
    assert "t2i" not in warning
    assert "1 different code among 45 texts" in warning


def test_rules_that_favour_equal_codes_hide_nothing() -> None:
    """Under `optimistic` one code for all scores 1: the codes themselves are looked at."""
    labels = labelled("r", 45, 1)
    same = np.ones((45, BITS))
    retrieval = code_set("r", same, same, labels)
    report = evaluate(drawn("q", 30, 0, 5), retrieval, ties="optimistic")
    assert report.tasks["i2t"].scores()["mAP"] == 1
    assert report.warning == (
        "nothing can be told apart by codes that are all the same: 1 different code among 45 images and "
        "1 different code among 45 texts"
    )


def test_without_labels_the_partner_is_looked_for_by_chance() -> None:
    """Ten of 75 places: recall@10 of a random order is 10 / 75."""
    sides = [drawn("q", 30, 0, 30), drawn("r", 45, 1, 45)]
    query, retrieval = (
        code_set(prefix, side.image.signs(), side.text.signs(), side.labels * 0, None, [False] * len(side))
        for prefix, side in zip("qr", sides, strict=True)
    )
    report = evaluate(query, retrieval)
    assert report.tasks["t2i"].chance == ("recall@10", 10 / 75)
    assert report.warning is not None
    assert "i2t recall@10 " in report.warning
    assert "where a random order gives 0.133" in report.warning
    twins = [code_set(p, s.image.signs(), s.image.signs(), s.labels * 0, None, [False] * len(s))
             for p, s in zip("qr", sides, strict=True)]  # fmt: skip
    assert evaluate(*twins).warning is None


def test_chance_does_not_move_with_the_rule_for_queries() -> None:
    """`base_rate` counts the pairs of all queries, those that a rule leaves out as well."""
    query, retrieval = drawn("q", 30, 0, 5), drawn("r", 300, 1, 7)
    rare = code_set("r", retrieval.image.signs(), retrieval.text.signs(), retrieval.labels * 0)
    rare.labels[:2] = 1
    skipped, hit = (evaluate(query, rare, undefined=rule) for rule in ("skip", "skip_without_hit"))
    assert hit.n_undefined > skipped.n_undefined
    assert hit.base_rate == skipped.base_rate == 60 / 9000


def test_files_of_others_are_judged_alike(tmp_path) -> None:  # noqa: ANN001
    query, retrieval = drawn("q", 30, 0, 5), drawn("r", 45, 1, 7)
    content = {"q_img": query.image.signs(), "q_txt": query.text.signs(), "q_l": query.labels}
    content |= {"r_img": retrieval.image.signs(), "r_txt": retrieval.text.signs(), "r_l": retrieval.labels}
    scipy.io.savemat(tmp_path / "codes.mat", content)
    found = score(tmp_path / "codes.mat", None, "expected", None, 1000, 0)
    assert found["warning"] == evaluate(query, retrieval).warning
    other = score(tmp_path / "codes.mat", None, "expected", None, 1000, 1)
    assert other["measures"] == evaluate(query, retrieval, seed=1).measures() != found["measures"]


@pytest.mark.parametrize(("chance", "warned"), [(0.5, True), (0.4999, False)])
def test_an_interval_that_begins_at_chance_reaches_it(chance: float, warned: bool) -> None:
    one = TaskReport(
        ids=np.array(["a"]), values={"AP": np.array([0.6])}, shown=("AP",), precision_at={},
        by_radius=np.empty((0, 2)), by_rank=np.empty((0, 3)), chance=("AP", chance),
        intervals={"AP": (0.5, 0.7)},
    )  # fmt: skip
    warning = nothing_learnt({"i2t": one, "t2i": one}, learnt("r", 45, 1), "expected")
    assert (warning is not None) == warned


def judged(ties: Ties, retrieval: CodeSet, queries: int = 30, low: float = 0.5) -> str | None:
    """Two tasks of so many queries, of which a random order scores 1/2."""
    one = TaskReport(
        ids=np.array([f"q{number}" for number in range(queries)]), values={"AP": np.full(queries, 0.6)},
        shown=("AP",), precision_at={}, by_radius=np.empty((0, 2)), by_rank=np.empty((0, 3)),
        chance=("AP", 0.5), intervals={"AP": (low, 0.75)},
    )  # fmt: skip
    return nothing_learnt({"i2t": one, "t2i": one}, retrieval, ties)


FIGURES = "mAP 0.600 (95 % 0.500 to 0.750) where a random order gives 0.500"
BOTH = f"i2t {FIGURES}; t2i {FIGURES}"


@pytest.mark.parametrize("ties", get_args(Ties))
def test_the_sentence_of_each_finding(ties: Ties) -> None:
    """Two images of one code, two texts of different ones; where only one is left, it is like all others."""
    labels = [[1], [1]]
    twins = code_set("r", [[1, 1], [1, 1]], [[1, 1], [1, -1]], labels)
    codes = "1 different code among 2 images and 2 different codes among 2 texts"
    same = f"nothing can be told apart by codes that are all the same: {codes}"
    few = f"29 queries are too few to tell whether anything was learnt: {BOTH}"
    fair = ties in ("expected", "by_id")
    assert judged(ties, twins) == (
        f"no sign of anything learnt: {BOTH}; the retrieval set has {codes}" if fair else same
    )
    assert judged(ties, twins, low=0.55) == same
    assert judged(ties, twins, queries=29) == (few if fair else same)
    apart = code_set("r", [[1, 1], [-1, 1]], [[1, 1], [1, 1]], labels, has_text=[True, False])
    assert judged(ties, apart, low=0.55) is None
    alike = code_set("r", [[1, 1], [1, 1]], [[1, 1], [-1, 1]], labels, has_text=[True, False])
    codes = "1 different code among 2 images and 1 different code among 1 texts"
    assert judged(ties, alike, low=0.55) == (
        f"nothing can be told apart by codes that are all the same: {codes}"
    )
    assert judged(ties, apart, queries=29) == (few if fair else None)
