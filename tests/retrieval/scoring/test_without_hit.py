"""`undefined: skip_without_hit`, HQ's own rule: queries without a hit among the first 50 are left out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import scipy.io
from typer.testing import CliRunner

from crosshash.cli import app
from crosshash.codes.hashcodes import pack
from crosshash.config.params import METHODS
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import CodeSet
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.mean_ap import defined_queries, mean_average_precision, scored_queries
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties, rank
from crosshash.retrieval.scoring.evaluation import evaluate
from crosshash.retrieval.scoring.score_files import score
from crosshash.retrieval.scoring.two_stage_scores import compare_stages
from tests.retrieval import loops
from tests.retrieval.scoring.test_two_stage_scores import ranked_lists, searched
from tests.retrieval.sets import code_set

R = 50
RARE = 0.02
"""Share of the items that have a label: some queries find none of theirs among the first 50."""


def sets() -> tuple[CodeSet, CodeSet]:
    """200 items searched by 40 queries, 6 bits, so that nearly all distances are shared; rare classes."""
    generator = np.random.default_rng(4)

    def side(prefix: str, items: int, share: float) -> CodeSet:
        image, text = generator.choice([-1, 1], (2, items, 6))
        return code_set(prefix, image, text, generator.random((items, 5)) < share)

    return side("q", 40, 0.3), side("r", 200, RARE)


def pairs(query: CodeSet, retrieval: CodeSet) -> list[list[loops.Pair]]:
    bits = query.image.signs() > 0, retrieval.text.signs() > 0
    return loops.pairs(bits[0], bits[1], query.labels, retrieval.labels)


def released(found: list[loops.Pair]) -> float | None:
    """HQ's evaluation of one query, ties by position: hits among the first 50; None where there is none."""
    order = loops.one_order(found, "by_id")[:R]
    hits = [rank for rank, shared in enumerate(order, start=1) if shared]
    return sum(place / rank for place, rank in enumerate(hits, start=1)) / len(hits) if hits else None


def test_the_headline_is_that_of_the_released_evaluation() -> None:
    query, retrieval = sets()
    values = [released(found) for found in pairs(query, retrieval)]
    counted = [value for value in values if value is not None]
    report = evaluate(
        query, retrieval, ties="by_id", undefined="skip_without_hit", headline=AP(R, "hits"), bootstrap=0
    )
    i2t = report.tasks["i2t"]
    assert i2t.values["AP@50[hits]"].mean() == pytest.approx(np.mean(counted), abs=1e-12)
    assert i2t.ids.tolist() == [f"q{row}" for row, value in enumerate(values) if value is not None]
    skipped = evaluate(query, retrieval, ties="by_id", bootstrap=0)
    assert 0 < skipped.n_undefined < report.n_undefined
    assert len(i2t.ids) < len(skipped.tasks["i2t"].ids) < len(query)


@pytest.mark.parametrize("ties", get_args(Ties))
def test_who_is_left_out_under_each_rule_for_ties(ties: Ties) -> None:
    """Under `expected` those that find nothing in any order of equal distances."""
    query, retrieval = sets()
    kept = []
    for row, found in enumerate(pairs(query, retrieval)):
        order = loops.one_order(found, "optimistic" if ties == "expected" else ties)
        kept += [f"q{row}"] if any(order[:R]) else []
    report = evaluate(query, retrieval, ties=ties, undefined="skip_without_hit", bootstrap=0)
    assert report.tasks["i2t"].ids.tolist() == kept
    wanted = [
        (loops.Expected(found) if ties == "expected" else loops.OneOrder(loops.one_order(found, ties))).ap()
        for row, found in enumerate(pairs(query, retrieval))
        if f"q{row}" in kept
    ]
    assert report.tasks["i2t"].values["AP"].tolist() == pytest.approx(wanted, abs=1e-12)
    fast = mean_average_precision(
        query.packed("image"), retrieval.packed("text"), query.labels, retrieval.labels, ties,
        "skip_without_hit",
    )  # fmt: skip
    assert fast == pytest.approx(math.fsum(wanted) / len(wanted), abs=1e-12)


def test_by_hand() -> None:
    """Sixty items at distance 0, and one at distance 1, which alone is relevant: rank 61, so no hit.

    With one of the sixty relevant too, any rank from 1 to 60 is as likely: 10 of 60 are no hit.
    """
    signs = [[1]] * 60 + [[-1]]
    query = code_set("q", [[1], [1]], [[1], [1]], [[1, 0], [0, 1]])
    labels = np.zeros((61, 2), np.uint8)
    labels[60, 0] = labels[7, 1] = 1
    report = evaluate(query, code_set("r", signs, signs, labels), undefined="skip_without_hit", bootstrap=0)
    assert report.n_undefined == 1
    assert report.tasks["t2i"].ids.tolist() == ["q1"]
    expected = sum(1 / rank for rank in range(1, 51)) / 60
    assert report.tasks["t2i"].values["AP@50[hits]"].tolist() == pytest.approx([expected])


def test_nobody_with_a_hit_is_an_error_that_says_so() -> None:
    signs = [[1]] * 60 + [[-1]]
    query, labels = code_set("q", [[1]], [[1]], [[1]]), [[0]] * 60 + [[1]]
    with pytest.raises(CrosshashError, match=r"none of the 1 queries finds .* among its first 50.*skip"):
        evaluate(query, code_set("r", signs, signs, labels), undefined="skip_without_hit")


@pytest.mark.parametrize("task", ["i2t", "t2i"])
def test_each_way_to_rank_has_hits_of_its_own(task: str) -> None:
    """Of two stages: hash code, quantised and real vectors each leave out whom they find nothing for."""
    search = searched(task)
    rare = (np.random.default_rng(1).random(search.labels[1].shape) < RARE).astype(np.uint8)
    search = replace(search, labels=(search.labels[0], rare))
    found = compare_stages(search, 60, "by_id", "skip_without_hit")
    ways = {"hash": found.by_candidates[0], "quantised": found.quantised, "real": found.real}
    counts = set()
    for way, scores in ways.items():
        values = []
        for row, ranked in enumerate(ranked_lists(search, 60)[way]):
            shared = [bool((search.labels[0][row] & rare[item]).any()) for item in ranked]
            hits = [rank for rank, hit in enumerate(shared[:R], start=1) if hit]
            values += [np.mean([place / rank for place, rank in enumerate(hits, start=1)])] if hits else []
        assert scores["AP@50[hits]"] == pytest.approx(np.mean(values), abs=1e-6), way
        counts.add(len(values))
    assert max(counts) < len(search.labels[0])


def written(path: Path) -> Path:
    query, retrieval = sets()
    content = {"q_img": query.image.signs(), "q_txt": query.text.signs(), "q_l": query.labels}
    content |= {"r_img": retrieval.image.signs(), "r_txt": retrieval.text.signs(), "r_l": retrieval.labels}
    scipy.io.savemat(path, content)
    return path


def test_files_are_scored_by_the_protocol_of_a_paper(tmp_path: Path) -> None:
    path = written(tmp_path / "codes.mat")
    own = score(path, None, "by_id", None, 10, 0, "hq")
    assert [own[key] for key in ("protocol", "headline", "undefined")] == [
        "hq", "AP@50[hits]", "skip_without_hit",
    ]  # fmt: skip
    values = [value for found in pairs(*sets()) if (value := released(found)) is not None]
    assert own["i2t"]["AP@50[hits]"] == pytest.approx(np.mean(values), abs=1e-6)
    assert score(path, None, "by_id", "skip_without_hit", 10, 0, "hq") == own
    strict = score(path, None, "by_id", None, 10, 0)
    assert [strict[key] for key in ("protocol", "headline", "undefined")] == ["strict", "mAP", "skip"]
    headlines = {method: score(path, None, "by_id", None, 1, 0, method)["headline"] for method in METHODS}
    assert headlines == {
        "twdh": "AP@5000[first]", "dcmht": "mAP", "scahn": "mAP", "hq": "AP@50[hits]", "djsrh": "AP@50[hits]",
        "cca": "mAP", "ridge": "mAP", "shared": "mAP", "ucch": "mAP",
    }  # fmt: skip
    assert "AP@5000[first]" in score(path, None, "by_id", None, 1, 0, "twdh")["i2t"]


def test_protocols_that_do_not_exist_or_say_otherwise_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "codes.mat")
    with pytest.raises(CrosshashError, match=r"no protocol 'HQ'; there are strict and those .* hq"):
        score(path, None, "by_id", None, 10, 0, "HQ")
    with pytest.raises(CrosshashError, match=r"hq has the rule skip_without_hit .*, not zero"):
        score(path, None, "by_id", "zero", 10, 0, "hq")


def test_the_command_takes_protocol_and_rule(tmp_path: Path) -> None:
    path = written(tmp_path / "codes.mat")
    arguments = ["score", str(path), "--bootstrap", "2"]
    shown = CliRunner().invoke(app, [*arguments, "--protocol", "hq"])
    assert shown.exit_code == 0, shown.output
    words = " ".join(shown.stdout.split())
    assert "protocol hq, ties expected, undefined skip_without_hit" in words
    assert "queries without relevant item among the first 50: " in words
    ruled = CliRunner().invoke(app, [*arguments, "--undefined", "skip_without_hit", "--json"])
    assert '"undefined": "skip_without_hit"' in ruled.stdout
    refused = CliRunner().invoke(app, [*arguments, "--protocol", "none"])
    assert (refused.exit_code, refused.stderr[:7]) == (1, "error: ")


def test_the_last_of_the_first_fifty_may_be_the_hit() -> None:
    """49 nearer items; the next two, one of them relevant, share place 50: some order finds it there."""
    labels = np.zeros((60, 1), np.uint8)
    labels[50] = 1
    for nearer, kept in ((49, True), (50, False)):
        signs = -np.ones((60, 2))
        signs[:nearer] = 1
        signs[nearer : nearer + 2, 0] = 1
        own = labels if kept else np.roll(labels, 1, axis=0)
        query = code_set("q", np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 1), np.uint8))
        found = defined_queries(
            rank(
                Side.of(query.image.packed, query.labels),
                Side.of(pack(signs), own),
                range(2),
                "expected",
                2,
            )[1],
            "skip_without_hit",
        )
        assert found.tolist() == [kept, kept]


def test_queries_that_are_an_error_are_named_and_no_others() -> None:
    with pytest.raises(CrosshashError, match=r"1 queries have no relevant item (.|\n)*  - q1$"):
        scored_queries(np.array([True, False, True]), "error", ["q0", "q1", "q2"])


def test_one_hit_before_all_others_is_enough() -> None:
    """The first item is relevant, the sixty that share the other places are not."""
    groups = np.array([[1.0, 60.0]]), np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])
    found = defined_queries(Ranking(*groups, np.array([[60, 1]])), "skip_without_hit")
    assert found.tolist() == [True]
