"""What the sections of the page say, and that no caption can become a part of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from crosshash.artifacts import read_json, write_json
from crosshash.report.printed_scores import comparable_figures
from crosshash.report.results import read_results
from crosshash.report.shown_items import CAPTION_LENGTH, shortened
from tests.report.conftest import render
from tests.report.html import Page
from tests.report.runs import BITS, EVIL


def test_pictures_of_queries_and_of_what_is_found(default_page: str) -> None:
    """i2t: each of three queries; t2i: four items for each of three."""
    assert sum(tag == "img" for tag, _ in Page(default_page).tags) == 3 + 3 * 4


def test_vectors_are_shown_by_id_and_caption(bare_page: str) -> None:
    page = Page(bare_page)
    assert "img" not in {tag for tag, _ in page.tags}
    assert "query query/3.jpg" in page.words()
    assert "caption of 4" in page.words()


def test_captions_and_ids_cannot_become_markup(odd_page: str) -> None:
    page = Page(odd_page)
    assert "<script" not in odd_page
    assert EVIL in page.words()
    assert not any("onerror" in a for _, a in page.tags)
    assert any(a.get("alt") == EVIL for _, a in page.tags)


def test_headline_names_what_was_measured(default_page: str) -> None:
    words = Page(default_page).words()
    for expected in (
        "TwDH on scenes: 16-bit hash codes",
        "4 queries search 10 items",
        "Image to text (i2t) 0.8123 mAP, 95 % interval 0.7900 to 0.8300",
        "protocol strict",
        "equal distances expected",
        "queries without a relevant item 0",
        "bits delivered 16",
        "bits trained 32",
        "epoch kept 3",
        "networks ran on 2 CPU threads",
        "seed 5",
    ):
        assert expected in words


def test_a_solved_method_has_penalties_where_others_have_epochs(bare_page: str) -> None:
    words = Page(bare_page).words()
    assert "solved, not trained: penalty kept 0.3" in words
    assert "for each penalty that was tried, in their order" in words
    assert "epoch" not in words.split("How to reproduce it")[0]


def test_scores_stand_beside_interval_convention_and_chance(default_page: str) -> None:
    words = Page(default_page).words()
    four = " ".join(["0.8123 0.7900–0.8300"] * 4)
    assert f"mAP over the whole retrieval set {four} 0.3333" in words
    four = " ".join(["0.7500 0.7400–0.7600"] * 4)
    assert f"AP@50[hits] over the relevant items among the first 50 {four} –" in words
    assert "mAP of the training targets used as codes of both modalities 0.9900 0.9900 0.9900 0.9900" in words
    assert "mAP of the 32-bit codes as the network learns them 0.8800 0.8800 – – –" in words
    assert "items at equal distance: the mean over all their orders, exactly" in words
    assert "queries without a relevant item: left out of the means (0 here)" in words


def test_sets_without_labels_are_scored_by_recall(bare_page: str) -> None:
    """13 of 14 items have a text: chance to find the partner among the first 5 is 5 / 13."""
    words = Page(bare_page).words()
    assert "recall@5 own partner among the first 5 0.5000 0.4000–0.6000 0.5000 0.4000–0.6000 0.3846" in words
    assert "✓ own partner" in words
    assert "mean recall 0.4000" in words
    assert "no labels, so there are no classes" in words
    for absent in ("AP@50[min]", "Chance", "hit d =", "mAP of the training targets"):
        assert absent not in words


def test_hits_and_misses_differ_by_sign_and_word(odd_page: str) -> None:
    words = Page(odd_page).words()
    assert all(mark in words for mark in ("✓ hit d =", "✗ miss d =", "? no label d ="))


def test_best_and_worst_queries_stand_apart(default_page: str) -> None:
    """By AP query 3 is the best, query 0 the worst, query 1 the third of four."""
    words = Page(default_page).words()
    part = words[
        words.index("Image to text (i2t) The best 1") : words.index("Text to image (t2i) The best 1")
    ]
    best, worst, between = re.split("The worst 1|Evenly spaced from best to worst", part)
    assert "query query/3.jpg · circle · AP 0.4000" in best
    assert "query query/0.jpg · circle · AP 0.1000" in worst
    assert "query query/1.jpg · square · AP 0.2000" in between


def test_statistics_of_centres_and_transform(default_page: str) -> None:
    words = Page(default_page).words()
    assert "trained 32 3 hadamard 16 21 Plotkin 16.0 4 0 0" in words
    assert "delivered 16 3 hadamard 6 8 Plotkin 16.0 4 0 0" in words
    assert "ridge (used) sgd" in words
    assert "class centres mapped exactly 100.00 % 50.00 %" in words
    assert "bits right with 20 % of the long bits flipped 95.00 % 80.00 %" in words


def test_statistics_of_codes_are_those_of_the_retrieval_set(default_page: str) -> None:
    """Items 4 to 13 have as many ones as their number says, texts one more: bits 1 to 4 are always +1."""
    words = Page(default_page).words()
    assert "codes 10 10 different codes 10 10 items with the most frequent code 1 1" in words
    assert (
        "entropy of the codes, bits at most the logarithm of their number, and the length 3.32 3.32" in words
    )
    assert "share of +1, least and most 0.00 % to 100.00 % 0.00 % to 100.00 %" in words
    assert "bits that are the same everywhere 7 7" in words


def test_distances_of_all_pairs_are_counted(default_page: str) -> None:
    """Four queries, ten items: 40 pairs; items 4 to 13 are 3 circles, 3 stars, 4 squares: 14 relevant."""
    words = Page(default_page).words()
    rows = range(4, 14)
    distances = [abs(query - row) for query in range(4) for row in rows if query % 3 == row % 3]
    assert len(distances) == 13
    assert f"i2i 13 27 {np.mean(distances):.2f}" in words


def test_classes_are_listed_with_their_queries(default_page: str, large_page: str) -> None:
    assert "star 1 0.3000 0.3000 0.3000 0.3000 0.3000" in Page(default_page).words()
    large = Page(large_page).words()
    assert "the best twenty of 1000" in large
    assert "All 1000 classes" in large
    # Numbers 2, 5, 8 .. have query 2, which scores best; 59 is the twentieth of them.
    assert large.count("number 0059 1 0.3000") == 2
    assert large.count("number 0062 1 0.3000") == 1


def test_recall_of_search_stands_beside_its_work(default_page: str) -> None:
    words = Page(default_page).words()
    assert "flat exact 100.00 % 1.0000 0.9000" in words
    assert "ivf nprobe 2 6.25 % 0.6250 0.5250" in words
    assert "ivf nprobe 64 101.42 % every code, and the centroids of their lists 1.0000 0.9000" in words
    assert "make bench" in words


def test_generated_sets_have_no_published_figures_beside_them(default_page: str) -> None:
    assert "No paper in the table reports TwDH on “scenes” at 16 bits" in Page(default_page).words()
    details = default_page[default_page.index("<details>") : default_page.index("</details>")]
    assert "Not comparable" in details
    assert "MIRFlickr-25K" in details
    assert default_page.count("0.8783") == details.count("0.8783") == 1


def test_published_figures_of_the_same_metric_stand_beside_the_run(paper_page: str) -> None:
    """DJSRH prints mAP@50 on Wiki at 16 bits: 0.388 and 0.611; the run has 0.75 as AP@50[hits]."""
    words = Page(paper_page).words()
    (found,) = comparable_figures("djsrh", "wikipedia", BITS, ["AP@50[hits]"])
    for task, value in found.values.items():
        assert f"{task} {value} 0.7500 0.7400–0.7600 {0.75 - float(value):+.4f}" in words
    assert "AP@50[hits] printed as “mAP@50”" in words


def test_methods_without_centres_say_so(paper_page: str) -> None:
    words = Page(paper_page).words()
    assert "DJSRH uses no hash centres" in words
    assert "without a transform" in words


def test_no_examples_when_none_are_asked_for(paper_page: str) -> None:
    page = Page(paper_page)
    assert "img" not in {tag for tag, _ in page.tags}
    assert "No examples" in page.words()


def test_second_stage_and_choice_of_bits_have_their_tables(default_page: str, large_page: str) -> None:
    large = Page(large_page).words()
    assert "i2t hash code, then quantised vectors 0.5000 0.6000 0.7000" in large
    assert "i2t 0.6100 0.5200 0.0125" in large
    default = Page(default_page).words()
    assert "quantised vectors" not in default
    assert "random bits" not in default


def test_provenance_holds_settings_and_data(default_page: str, write_run: Callable[..., Path]) -> None:
    words = Page(default_page).words()
    digest = read_results(write_run(), "scenes", BITS).pairs_sha256
    assert len(digest) == 64
    assert digest in words
    assert "plan/train.yaml" in words
    assert "dvc exp run -S method=twdh -S dataset=scenes -S bits=16 -S seed=5 -S threads=2" in words


def test_long_captions_are_cut_and_laid_in_one_line() -> None:
    assert shortened("a\n red\t circle ") == "a red circle"
    assert shortened("x" * CAPTION_LENGTH) == "x" * CAPTION_LENGTH
    assert shortened("x" * (CAPTION_LENGTH + 1)) == "x" * (CAPTION_LENGTH - 1) + "…"


def test_scores_of_chance_are_told_at_the_top(default_page: str, write_run: Callable[..., Path]) -> None:
    folder = write_run()
    path = folder / "metrics.json"
    write_json(path, read_json(path) | {"warning": "no sign of <anything> learnt"})
    words = Page(render(folder)).words()
    assert "Warning: no sign of <anything> learnt." in words
    assert words.index("Warning:") < words.index("95 % interval")
    assert "Warning:" not in Page(default_page).words()


def test_partners_stand_below_what_labels_score(default_page: str, write_run: Callable[..., Path]) -> None:
    """By both distances; a run from before they were scored has no such rows."""
    assert "partner recall@1" not in default_page
    path = write_run() / "metrics.json"
    by_code, by_real = (
        {task: {"recall@1": mean, "recall@1_low": 0.1, "recall@1_high": 0.9} for task in ("i2t", "t2i")}
        for mean in (0.4321, 0.5432)
    )
    write_json(path, read_json(path) | {"partner": by_code | {"asymmetric": by_real}})
    page = render(path.parent)
    for cell in (
        "partner recall@1",
        "0.4321<small>0.1000–0.9000</small>",
        "the same by asymmetric distance",
        "0.5432<",
    ):
        assert cell in page
